use super::{NewRun, procgen_game, task};
use crate::{
    error::{Error, Result},
    experiments::{
        ablations::{self, Ablation},
        procgen, pushchair,
    },
    gsl::config::Merge,
    run::{
        config::{Algorithm, Config, Overlap},
        directory::Task,
    },
};
use clap::{Args, Subcommand, ValueEnum};
use std::process::ExitCode;

#[derive(Args)]
pub struct Reproduce {
    #[command(subcommand)]
    experiment: Experiment,
}

#[derive(Subcommand)]
enum Experiment {
    /// The brush maze of Section 4: Figure 2 with the settings of Tables 4 and 5
    Maze {
        #[command(flatten)]
        new: NewRun,
    },
    /// A game of Procgen, Section 6: GSL against its generalist, beside Table 1
    Procgen {
        #[command(flatten)]
        game: Game,
    },
    /// PushChair, Section 6: GSL with GAIL against SAC, beside Table 2
    Pushchair {
        #[command(flatten)]
        scale: Scale,
        #[command(flatten)]
        new: NewRun,
    },
    /// The ablations of Section 6
    Ablation {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        game: Game,
    },
}

/// Where the paper shows an ablation.
#[derive(Args)]
#[group(required = true, multiple = false)]
struct Place {
    /// 6: levels of an agent; 7: when specialists are launched; 8: returns by level; 9: where H
    /// fires
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(6..=9))]
    figure: Option<u8>,
    /// 3: ways to merge: behaviour cloning in the place of phase II
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(3..=3))]
    table: Option<u8>,
}

#[derive(Args)]
struct Game {
    /// Name of the game, or pushchair for Figure 7
    #[arg(long, value_name = "GAME", default_value = "bigfish")]
    game: String,
    /// How networks learn: ppo as in Table 6, ppg as in Table 7, or sac as in Table 11 [default:
    /// ppo, for PushChair sac]
    #[arg(long, value_enum)]
    algorithm: Option<AlgorithmChoice>,
    #[command(flatten)]
    scale: Scale,
    #[command(flatten)]
    new: NewRun,
}

#[derive(Args)]
struct Scale {
    /// Multiply the paper's budgets by this, above 0, up to 1
    #[arg(id = "scale", long = "scale", value_name = "F", default_value_t = 1.0, value_parser = parse_scale)]
    by: f64,
}

impl Game {
    /// The name of the game, and the settings with `adjust` below those of `--set`.
    fn settings(&self, adjust: impl Fn(&mut Config)) -> Result<(&'static str, Config)> {
        let name = procgen_game(&self.game)?.facts.name;
        let algorithm = match self.algorithm {
            None | Some(AlgorithmChoice::Ppo) => Algorithm::Ppo,
            Some(AlgorithmChoice::Ppg) => Algorithm::Ppg,
            Some(AlgorithmChoice::Sac) => {
                return Err(Error::Usage(
                    "--algorithm sac: must be ppo or ppg for a game of Procgen".into(),
                ));
            }
        };
        let (preset, _) = procgen::report::preset_of(algorithm);
        let mut config = Config::from_preset_in(preset, &format!("procgen:{name}"), &[])?;
        adjust(&mut config);
        let config = config.with_trained(&self.new.settings)?;
        config.validate_split()?;
        Ok((name, config))
    }

    fn ablation(self, figure: u8) -> Result<()> {
        let (name, config) = match self.game == pushchair::ENVIRONMENT {
            true => (pushchair::ENVIRONMENT, self.pushchair(figure)?),
            false => self.settings(|config| ablations::settings(config, figure, self.scale.by))?,
        };
        let (first_seed, seeds, scale) = (self.new.seed, self.new.seeds, self.scale.by);
        let task = Task::Ablation(Ablation { figure, first_seed, seeds, scale });
        task::begin(&self.new, &format!("ablation-figure-{figure}-{name}"), &task, &config)
    }

    /// The settings of an ablation on PushChair.
    fn pushchair(&self, figure: u8) -> Result<Config> {
        if figure != 7 {
            return Err(Error::Usage(format!(
                "--figure {figure}: must be 7 for --game pushchair; the others are about Procgen"
            )));
        }
        if !matches!(self.algorithm, None | Some(AlgorithmChoice::Sac)) {
            return Err(Error::Usage("--algorithm: must be sac for --game pushchair".into()));
        }
        let mut config = Config::from_preset(pushchair::ENVIRONMENT, &[])?;
        ablations::settings(&mut config, figure, self.scale.by);
        let config = config.with_trained(&self.new.settings)?;
        pushchair::validate(&config)?;
        Ok(config)
    }

    fn run(self, experiment: &str, cloning: bool) -> Result<()> {
        let (name, config) = self.settings(|config| {
            procgen::paper::exceptions(config);
            procgen::scale::scale(config, self.scale.by);
        })?;
        let Self { scale: Scale { by: scale }, new, .. } = self;
        config.on_test_levels(1, Overlap::Refuse)?;
        if config.gsl.merge != Merge::Dapg {
            return Err(Error::Usage(
                "gsl.merge: must be dapg here; `gslab reproduce ablation --table 3` measures \
                 behaviour cloning beside it"
                    .into(),
            ));
        }
        let (first_seed, seeds) = (new.seed, new.seeds);
        let task = Task::ReproduceProcgen { first_seed, seeds, scale, cloning };
        task::begin(&new, &format!("{experiment}-{name}"), &task, &config)
    }
}

impl Reproduce {
    pub fn run(self) -> Result<ExitCode> {
        match self.experiment {
            Experiment::Maze { new } => {
                let config = Config::from_preset("maze", &new.settings)?;
                let task = Task::ReproduceMaze { first_seed: new.seed, seeds: new.seeds };
                task::begin(&new, "reproduce-maze", &task, &config)?;
            }
            Experiment::Pushchair { scale: Scale { by: scale }, new } => {
                let mut config = Config::from_preset("pushchair", &[])?;
                pushchair::scale(&mut config, scale);
                let config = config.with_trained(&new.settings)?;
                pushchair::validate(&config)?;
                let task =
                    Task::ReproducePushChair { first_seed: new.seed, seeds: new.seeds, scale };
                task::begin(&new, "reproduce-pushchair", &task, &config)?;
            }
            Experiment::Procgen { game } => game.run("reproduce", false)?,
            Experiment::Ablation { place, game } => match place.figure {
                Some(figure) => game.ablation(figure)?,
                None => game.run("ablation-table-3", true)?,
            },
        }
        Ok(ExitCode::SUCCESS)
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum AlgorithmChoice {
    Ppo,
    Ppg,
    Sac,
}

fn parse_scale(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(scale) if scale > 0.0 && scale <= 1.0 => Ok(scale),
        _ => Err("must be above 0, up to 1".into()),
    }
}
