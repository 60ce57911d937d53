//! Settings by dotted key: given values over defaults, and `--set key=value`.

use super::{Config, ConfigError, hint, valid::range};

/// Puts the values of `given` over those of `table`, which holds every known key.
pub(super) fn merge(
    table: &mut toml::Table,
    given: toml::Table,
    prefix: &str,
) -> Result<(), ConfigError> {
    for (key, value) in given {
        let path = format!("{prefix}{key}");
        match (table.get_mut(&key), value) {
            (Some(toml::Value::Table(inner)), toml::Value::Table(value)) => {
                merge(inner, value, &format!("{path}."))?;
            }
            (Some(known), value) => *known = fit(&path, known, value)?,
            (None, _) => return Err(unknown_key(&path, &keys(table, prefix))),
        }
    }
    Ok(())
}

/// Sets one dotted key to a value written as on the command line.
pub(super) fn set(table: &mut toml::Table, path: &str, text: &str) -> Result<(), ConfigError> {
    let known = keys(table, "");
    if !known.iter().any(|k| k == path) {
        return Err(unknown_key(path, &known));
    }
    // A bare word is a string: `--set gsl.plateau=online` needs no quotes.
    let value = format!("value = {text}")
        .parse::<toml::Table>()
        .ok()
        .and_then(|mut t| t.remove("value"))
        .unwrap_or_else(|| toml::Value::String(text.into()));
    let mut place = table;
    let (parents, key) = match path.rsplit_once('.') {
        Some((parents, key)) => (Some(parents), key),
        None => (None, path),
    };
    for parent in parents.into_iter().flat_map(|p| p.split('.')) {
        place = place[parent].as_table_mut().expect("keys() lists only leaves");
    }
    let known = &mut place[key];
    *known = fit(path, known, value)?;
    Ok(())
}

/// Whether a table has the form of settings, in range or not.
pub(super) fn check_types(table: &toml::Table) -> Result<(), String> {
    let config: Config =
        table.clone().try_into().map_err(|e: toml::de::Error| e.message().trim().to_owned())?;
    match config.family() {
        Err(ConfigError::Parse { message, .. }) => Err(message),
        _ => Ok(()),
    }
}

/// A value in the type of the one that it replaces: whole numbers become reals where one is due.
fn fit(path: &str, known: &toml::Value, value: toml::Value) -> Result<toml::Value, ConfigError> {
    use toml::Value::{Array, Float, Integer, String};
    match (known, value) {
        (Float(_), Integer(i)) => Ok(Float(i as f64)),
        // All whole numbers are counts.
        (Integer(_), Integer(i)) if i < 0 => Err(range(path, i, "at least 0")),
        (Array(known), Array(values)) if !known.is_empty() => {
            let fitted = values.into_iter().map(|value| fit(path, &known[0], value));
            fitted.collect::<Result<_, _>>().map(Array)
        }
        // Samples are often written as 5e6.
        (Integer(_), Float(f)) if f.fract() == 0.0 && f.abs() < 1e15 => Ok(Integer(f as i64)),
        (known, value) if known.same_type(&value) => Ok(value),
        // An option of an environment may be a name or a list; the environment knows which.
        (String(_), value @ Array(_)) | (Array(_), value @ String(_))
            if path.starts_with("env.") =>
        {
            Ok(value)
        }
        (known, value) => {
            Err(range(path, &value, format!("of type {}, like {known}", known.type_str())))
        }
    }
}

/// Writes single-precision settings as people do: 0.1, not 0.10000000149011612.
pub fn shorten(value: &mut toml::Value) {
    match value {
        toml::Value::Float(f) if f64::from(*f as f32) == *f => {
            *f = (*f as f32).to_string().parse().unwrap_or(*f);
        }
        toml::Value::Table(table) => table.iter_mut().for_each(|(_, value)| shorten(value)),
        _ => {}
    }
}

/// Every settable key of a table, dotted.
fn keys(table: &toml::Table, prefix: &str) -> Vec<String> {
    table
        .iter()
        .flat_map(|(key, value)| match value {
            toml::Value::Table(inner) => keys(inner, &format!("{prefix}{key}.")),
            _ => vec![format!("{prefix}{key}")],
        })
        .collect()
}

fn unknown_key(path: &str, known: &[String]) -> ConfigError {
    // A key written without its table, `gamma` for `ppo.gamma`, is a likely slip.
    let tail = |k: &str| k.rsplit('.').next().unwrap_or(k).to_owned();
    let exact = known.iter().find(|k| tail(k) == path);
    let hint = match exact {
        Some(key) => format!(" (did you mean `{key}`?)"),
        None => hint(path, known.iter().map(String::as_str)),
    };
    ConfigError::UnknownKey { key: path.into(), hint }
}
