//! Play in a window.

use super::{
    keys::Key,
    session::{Flow, Session, SessionError},
};
use softbuffer::{Context, SoftBufferError, Surface};
use std::{num::NonZeroU32, panic, rc::Rc, time::Instant};
use winit::{
    application::ApplicationHandler,
    dpi::LogicalSize,
    event::{ElementState, KeyEvent, WindowEvent},
    event_loop::{ActiveEventLoop, ControlFlow, EventLoop},
    keyboard::{Key as Pressed, NamedKey},
    platform::modifier_supplement::KeyEventExtModifierSupplement,
    window::{Window, WindowId},
};

/// Width and height of a new window: ten times the agent's view.
const SIDE: f64 = 640.0;
/// Around the frame, 0RGB.
const GROUND: u32 = 0x0018_1a1e;

/// A window cannot be opened or used.
#[derive(Debug, thiserror::Error)]
pub enum WindowError {
    #[error(
        "no window can be opened ({0}): play on the terminal instead, with `gslab play ENV --terminal`"
    )]
    Open(String),
    #[error("the window cannot be drawn in ({0}): play on the terminal instead, with --terminal")]
    Draw(String),
    #[error(transparent)]
    Session(#[from] SessionError),
}

impl From<SoftBufferError> for WindowError {
    fn from(error: SoftBufferError) -> Self {
        // As text, since the error itself must stay on its thread.
        Self::Draw(error.to_string())
    }
}

/// What windows need, found before anything is shown.
pub fn open() -> Result<EventLoop<()>, WindowError> {
    // Where libxkbcommon-x11 is missing, winit panics with a message that tells so.
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let opened = panic::catch_unwind(EventLoop::new);
    panic::set_hook(hook);
    match opened {
        Ok(opened) => opened.map_err(|error| cannot_open(&error)),
        Err(payload) => {
            let message = payload.downcast_ref::<String>().map(String::as_str);
            let message = message.or_else(|| payload.downcast_ref::<&str>().copied());
            Err(cannot_open(&message.unwrap_or("a library is missing")))
        }
    }
}

/// Plays until someone quits.
pub fn play(event_loop: EventLoop<()>, session: &mut Session) -> Result<(), WindowError> {
    let mut player = Player { session, open: None, ended: Ok(()) };
    event_loop.run_app(&mut player).map_err(|error| cannot_open(&error))?;
    player.ended
}

/// The reason without the place in winit's source, with which its messages begin.
fn cannot_open(error: &dyn std::fmt::Display) -> WindowError {
    let text = error.to_string();
    let place = text.rsplit_once(".rs:").and_then(|(_, rest)| rest.split_once(": "));
    let reason = place.map_or(text.as_str(), |(_, reason)| reason);
    WindowError::Open(reason.trim_end_matches('.').to_owned())
}

struct Player<'a> {
    session: &'a mut Session,
    open: Option<Open>,
    ended: Result<(), WindowError>,
}

/// A window and the pixels in it.
struct Open {
    window: Rc<Window>,
    surface: Surface<Rc<Window>, Rc<Window>>,
    title: String,
}

impl Open {
    fn new(event_loop: &ActiveEventLoop) -> Result<Self, WindowError> {
        let attributes = Window::default_attributes()
            .with_title("gslab")
            .with_inner_size(LogicalSize::new(SIDE, SIDE));
        let window = event_loop.create_window(attributes).map_err(|error| cannot_open(&error))?;
        let window = Rc::new(window);
        let surface = Surface::new(&Context::new(window.clone())?, window.clone())?;
        Ok(Self { window, surface, title: String::new() })
    }

    /// Shows the world in the middle, each of its pixels as a square.
    fn show(&mut self, session: &mut Session) -> Result<(), WindowError> {
        let status = session.status();
        if self.title != status {
            self.window.set_title(&status);
            self.title = status;
        }
        let size = self.window.inner_size();
        let (Some(width), Some(height)) =
            (NonZeroU32::new(size.width), NonZeroU32::new(size.height))
        else {
            return Ok(());
        };
        self.surface.resize(width, height)?;
        let mut buffer = self.surface.buffer_mut()?;
        let (width, height) = (size.width as usize, size.height as usize);
        let side = width.min(height);
        let (frame, n) = session.view(side as u32);
        let n = n as usize;
        let scale = side / n;
        let (left, top) = ((width - n * scale) / 2, (height - n * scale) / 2);
        buffer.fill(GROUND);
        for y in 0..n * scale {
            let row = &mut buffer[(top + y) * width + left..][..n * scale];
            let source = frame[3 * n * (y / scale)..][..3 * n].as_chunks::<3>().0;
            for (pixels, &[r, g, b]) in row.chunks_exact_mut(scale).zip(source) {
                pixels.fill(u32::from_be_bytes([0, r, g, b]));
            }
        }
        self.window.pre_present_notify();
        Ok(buffer.present()?)
    }
}

impl Player<'_> {
    fn key(&mut self, event: &KeyEvent) -> Result<Flow, WindowError> {
        let key = match event.key_without_modifiers() {
            Pressed::Named(NamedKey::ArrowLeft) => Key::Left,
            Pressed::Named(NamedKey::ArrowRight) => Key::Right,
            Pressed::Named(NamedKey::ArrowUp) => Key::Up,
            Pressed::Named(NamedKey::ArrowDown) => Key::Down,
            Pressed::Named(NamedKey::Escape) => Key::Escape,
            Pressed::Named(NamedKey::Space) => Key::Sign(' '),
            Pressed::Character(text) => match text.chars().next() {
                Some(sign) => Key::Sign(sign.to_ascii_lowercase()),
                None => return Ok(Flow::Go),
            },
            _ => return Ok(Flow::Go),
        };
        match event.state {
            ElementState::Pressed => Ok(self.session.press(key, event.repeat, None)?),
            ElementState::Released => {
                self.session.release(key);
                Ok(Flow::Go)
            }
        }
    }

    fn window_event(&mut self, event: WindowEvent) -> Result<Flow, WindowError> {
        let Some(open) = &mut self.open else { return Ok(Flow::Go) };
        match event {
            WindowEvent::CloseRequested => return Ok(Flow::Quit),
            WindowEvent::RedrawRequested => open.show(self.session)?,
            WindowEvent::Resized(_) => open.window.request_redraw(),
            WindowEvent::Focused(false) => self.session.release_all(),
            WindowEvent::KeyboardInput { event, .. } => {
                open.window.request_redraw();
                return self.key(&event);
            }
            _ => {}
        }
        Ok(Flow::Go)
    }

    /// Ends the loop if it is to end; the first error is what `play` returns.
    fn follow(&mut self, flow: Result<Flow, WindowError>, event_loop: &ActiveEventLoop) {
        match flow {
            Ok(Flow::Go) => return,
            Ok(Flow::Quit) => {}
            Err(error) => self.ended = Err(error),
        }
        event_loop.exit();
    }
}

impl ApplicationHandler for Player<'_> {
    fn resumed(&mut self, event_loop: &ActiveEventLoop) {
        let opened = Open::new(event_loop).map(|open| {
            open.window.request_redraw();
            self.open = Some(open);
            Flow::Go
        });
        self.follow(opened, event_loop);
    }

    fn window_event(&mut self, event_loop: &ActiveEventLoop, _: WindowId, event: WindowEvent) {
        let flow = self.window_event(event);
        self.follow(flow, event_loop);
    }

    fn about_to_wait(&mut self, event_loop: &ActiveEventLoop) {
        let ticked = self.session.tick(Instant::now()).map_err(WindowError::from);
        if let (Ok(true), Some(open)) = (&ticked, &self.open) {
            open.window.request_redraw();
        }
        self.follow(ticked.map(|_| Flow::Go), event_loop);
        // Nothing runs while nothing is due.
        event_loop
            .set_control_flow(self.session.due().map_or(ControlFlow::Wait, ControlFlow::WaitUntil));
    }
}
