//! Play on a terminal with 24-bit colours: two pixels a character, one above the other.

use super::{
    keys::{KEYS, Key},
    session::{AGENTS_VIEW, Flow, Session, SessionError},
};
use crossterm::{
    cursor::{Hide, MoveTo, Show},
    event::{
        Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, KeyboardEnhancementFlags,
        PopKeyboardEnhancementFlags, PushKeyboardEnhancementFlags, poll, read,
    },
    execute, queue,
    style::{Color, Colors, Print, ResetColor, SetColors},
    terminal::{
        BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate, EnterAlternateScreen,
        LeaveAlternateScreen, disable_raw_mode, enable_raw_mode, size,
        supports_keyboard_enhancement,
    },
};
use std::{
    io::{self, IsTerminal, Write, stdout},
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

/// Most time without a look at whether the program is to end.
const PATIENCE: Duration = Duration::from_millis(250);
/// For how long a key counts as held on a terminal that does not tell when it is released: longer
/// than from one repeat to the next, shorter than anyone waits.
const HELD: Duration = Duration::from_millis(150);
/// Rows of the terminal for text: what happens, and the keys.
const TEXT_ROWS: u16 = 4;

/// A terminal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TerminalError {
    #[error("--terminal: standard input and output must be a terminal")]
    None,
    #[error("the terminal cannot be used: {0}")]
    Io(#[from] io::Error),
    #[error(transparent)]
    Session(#[from] SessionError),
}

/// Plays until someone quits.
pub fn play(session: &mut Session) -> Result<(), TerminalError> {
    if !stdout().is_terminal() || !io::stdin().is_terminal() {
        return Err(TerminalError::None);
    }
    static STOP: AtomicBool = AtomicBool::new(false);
    // Without a handler the program still ends, but leaves the terminal as it is.
    let _ = ctrlc::set_handler(|| STOP.store(true, Ordering::SeqCst));
    let mut terminal = Terminal::open()?;
    let mut screen = Screen::default();
    screen.show(session)?;
    // Only now: a terminal may take its time to answer.
    let tells_releases = terminal.ask_for_releases()?;
    while !STOP.load(Ordering::SeqCst) {
        let now = Instant::now();
        let due = session.due().map_or(PATIENCE, |due| due.saturating_duration_since(now));
        let mut changed = false;
        let mut wait = due.min(PATIENCE);
        while poll(wait)? {
            wait = Duration::ZERO;
            changed = true;
            match read()? {
                Event::Key(event) => {
                    if handle(session, event, tells_releases)? == Flow::Quit {
                        return Ok(());
                    }
                }
                Event::Resize(..) => screen = Screen::default(),
                Event::FocusLost => session.release_all(),
                _ => changed = false,
            }
        }
        if session.tick(Instant::now())? || changed {
            screen.show(session)?;
        }
    }
    Ok(())
}

fn handle(
    session: &mut Session,
    event: KeyEvent,
    tells_releases: bool,
) -> Result<Flow, SessionError> {
    let control = event.modifiers.contains(KeyModifiers::CONTROL);
    let key = match event.code {
        KeyCode::Char('c') if control => return Ok(Flow::Quit),
        KeyCode::Char(sign) => Key::Sign(sign.to_ascii_lowercase()),
        KeyCode::Left => Key::Left,
        KeyCode::Right => Key::Right,
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::Esc => Key::Escape,
        _ => return Ok(Flow::Go),
    };
    let until = (!tells_releases).then(|| Instant::now() + HELD);
    match event.kind {
        KeyEventKind::Release => session.release(key),
        kind => return session.press(key, kind == KeyEventKind::Repeat, until),
    }
    Ok(Flow::Go)
}

/// The terminal taken over; given back when the value goes away, also by a panic.
struct Terminal {
    asked: bool,
}

impl Terminal {
    fn open() -> io::Result<Self> {
        enable_raw_mode()?;
        let terminal = Self { asked: false };
        execute!(stdout(), EnterAlternateScreen, Hide)?;
        Ok(terminal)
    }

    /// Whether the terminal will tell when keys are released.
    fn ask_for_releases(&mut self) -> io::Result<bool> {
        self.asked = matches!(supports_keyboard_enhancement(), Ok(true));
        if self.asked {
            let flags = KeyboardEnhancementFlags::DISAMBIGUATE_ESCAPE_CODES
                | KeyboardEnhancementFlags::REPORT_EVENT_TYPES;
            execute!(stdout(), PushKeyboardEnhancementFlags(flags))?;
        }
        Ok(self.asked)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Nothing is left to be done for a terminal that is gone.
        if self.asked {
            let _ = execute!(stdout(), PopKeyboardEnhancementFlags);
        }
        let _ = execute!(stdout(), ResetColor, Show, LeaveAlternateScreen);
        let _ = disable_raw_mode();
    }
}

/// Colours of a character's upper and lower half.
type Cell = [[u8; 3]; 2];

/// What is on the terminal, so that only what changed is written.
#[derive(Default)]
struct Screen {
    columns: usize,
    cells: Vec<Cell>,
    status: String,
}

impl Screen {
    fn show(&mut self, session: &mut Session) -> Result<(), TerminalError> {
        let (columns, rows) = size()?;
        let mut out = Vec::new();
        queue!(out, BeginSynchronizedUpdate)?;
        let most = u32::from(columns).min(2 * u32::from(rows.saturating_sub(TEXT_ROWS))) & !1;
        let mut status = session.status();
        let (frame, side) = session.view(most);
        if side < AGENTS_VIEW {
            let (columns, rows) = (AGENTS_VIEW, AGENTS_VIEW / 2 + u32::from(TEXT_ROWS));
            status = format!("{side} pixels ({columns}x{rows} show all 64) · {status}");
        }
        if self.columns != side as usize {
            queue!(out, ResetColor, Clear(ClearType::All))?;
            for (row, line) in KEYS.lines().enumerate() {
                let top = (side as usize / 2 + 1 + row) as u16;
                queue!(out, MoveTo(0, top), Print(cut(line, columns)))?;
            }
            *self = Self { columns: side as usize, ..Self::default() };
        }
        if self.status != status {
            let line = cut(&status, columns);
            queue!(out, ResetColor, MoveTo(0, 0), Print(line), Clear(ClearType::UntilNewLine))?;
            self.status = status;
        }
        self.paint(frame, &mut out)?;
        queue!(out, EndSynchronizedUpdate)?;
        stdout().write_all(&out)?;
        stdout().flush()?;
        Ok(())
    }

    /// Writes the characters that changed, below the line of text.
    fn paint(&mut self, frame: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        let columns = self.columns;
        let pixels = frame.as_chunks::<3>().0;
        let cells = pixels.chunks_exact(2 * columns).flat_map(|rows| {
            let (upper, lower) = rows.split_at(columns);
            upper.iter().zip(lower).map(|(&upper, &lower)| [upper, lower])
        });
        let old = std::mem::take(&mut self.cells);
        self.cells = cells.collect();
        let (mut cursor, mut colours) = (None, None);
        for (i, cell) in self.cells.iter().enumerate() {
            if old.get(i) == Some(cell) {
                continue;
            }
            if cursor != Some(i) {
                queue!(out, MoveTo((i % columns) as u16, (i / columns + 1) as u16))?;
            }
            if colours != Some(cell) {
                let [upper, lower] = cell.map(|[r, g, b]| Color::Rgb { r, g, b });
                queue!(out, SetColors(Colors::new(upper, lower)))?;
                colours = Some(cell);
            }
            queue!(out, Print('▀'))?;
            cursor = Some(i + 1).filter(|next| next % columns != 0);
        }
        Ok(())
    }
}

/// As much of a line as a terminal shows in a row.
fn cut(line: &str, columns: u16) -> String {
    line.chars().take(usize::from(columns)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changed_is_written() {
        let mut screen = Screen { columns: 2, ..Screen::default() };
        let mut frame = [9; 12];
        let mut written = |frame: &[u8]| {
            let mut out = Vec::new();
            screen.paint(frame, &mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        let first = written(&frame);
        assert_eq!(first.matches('▀').count(), 2);
        // The colours are the same for both.
        assert_eq!(first.matches("38;2;9;9;9").count(), 1);
        assert_eq!(written(&frame), "");
        frame[9..].fill(200);
        let changed = written(&frame);
        assert!(
            changed.contains("\u{1b}[2;2H") && changed.contains("48;2;200;200;200"),
            "{changed:?}"
        );
        assert_eq!(changed.matches('▀').count(), 1);
    }
}
