//! An embedded catalogue with one fact of it falsified.

use lastgood::catalog::{self, Provider};
use toml::{Table, Value};

/// A lie in the place of a fact.
pub(crate) struct Lie {
    /// The kind that it is said of; empty: the provider as a whole.
    pub(crate) kind: &'static str,
    /// Where the fact stands in the file.
    pub(crate) at: &'static str,
    /// What is said instead, as TOML; `None`: nothing.
    pub(crate) says: Option<&'static str>,
}

impl Lie {
    /// The provider's embedded catalogue with this lie in it; `Err` where it is found to contradict
    /// itself.
    pub(crate) fn told(&self, provider: &str) -> Result<&'static Provider, String> {
        let path = format!("{}/src/catalog/{provider}.toml", env!("CARGO_MANIFEST_DIR"));
        let mut file: Table = toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let is_kind = |row: &&mut Value| row.get("kind").and_then(Value::as_str) == Some(self.kind);
        let place = if self.kind.is_empty() {
            &mut file
        } else {
            let kinds = file["kind"].as_array_mut().unwrap();
            kinds.iter_mut().find(is_kind).unwrap().as_table_mut().unwrap()
        };
        self.put(place);
        let text = toml::to_string(&file).unwrap();
        let provider = catalog::parse(provider, &text).map_err(|error| error.to_string())?;
        Ok(Box::leak(Box::new(provider)))
    }

    /// Puts the lie where the fact stands, or where none does.
    fn put(&self, place: &mut Table) {
        let mut parts = self.at.split('/').skip(1);
        let mut here = place;
        let mut inner = parts.next().unwrap();
        while let Some(next) = parts.next() {
            let value = here.get_mut(inner).unwrap_or_else(|| panic!("{} has no {}", self.kind, self.at));
            let (table, name) = match next.parse::<usize>() {
                Ok(number) => (&mut value.as_array_mut().unwrap()[number], parts.next().unwrap()),
                Err(_) => (value, next),
            };
            here = table.as_table_mut().unwrap();
            inner = name;
        }
        let told = self.says.map(|text| {
            let mut one: Table = toml::from_str(&format!("lie = {text}")).unwrap();
            one.remove("lie").unwrap()
        });
        let is_lie = match told {
            Some(told) => here.insert(inner.to_owned(), told.clone()) != Some(told),
            None => here.remove(inner).is_some(),
        };
        assert!(is_lie, "{} {} is no lie", self.kind, self.at);
    }
}
