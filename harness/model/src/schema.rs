//! JSON Schemas of the files that users write and of the report, generated from the types that read them.

use std::sync::LazyLock;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

use crate::matrix::file::MatrixFile;
use crate::report::Report;
use crate::waiver_file::document::WaiverFile;
use crate::workload_file::header::WorkloadHeader;

fn generate<T: JsonSchema>() -> Value {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>().to_value()
}

/// The schema of a matrix file (`amiproof.yaml`).
pub fn matrix() -> &'static Value {
    static SCHEMA: LazyLock<Value> = LazyLock::new(generate::<MatrixFile>);
    &SCHEMA
}

/// The schema of the first document of a workload file. The objects after it have those of Kubernetes.
pub fn workload() -> &'static Value {
    static SCHEMA: LazyLock<Value> = LazyLock::new(generate::<WorkloadHeader>);
    &SCHEMA
}

/// The schema of a waiver file.
pub fn waivers() -> &'static Value {
    static SCHEMA: LazyLock<Value> = LazyLock::new(generate::<WaiverFile>);
    &SCHEMA
}

/// The schema of `report.json`.
pub fn report() -> &'static Value {
    static SCHEMA: LazyLock<Value> = LazyLock::new(generate::<Report>);
    &SCHEMA
}

/// Every schema with its name, which is also the name of its file.
pub fn all() -> [(&'static str, &'static Value); 4] {
    [("matrix", matrix()), ("workload", workload()), ("waivers", waivers()), ("report", report())]
}

/// A schema as a file: indented, with a line end after it.
pub fn pretty(schema: &Value) -> String {
    format!("{schema:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::form::KEYWORDS;

    /// The committed files are what editors load. `AMIPROOF_UPDATE=1 cargo test -p amiproof-model` regenerates them.
    #[test]
    fn committed_schemas_are_those_of_the_types() {
        for (name, schema) in all() {
            let path = format!("{}/schema/{name}.json", env!("CARGO_MANIFEST_DIR"));
            if option_env_is_set("AMIPROOF_UPDATE") {
                std::fs::create_dir_all(format!("{}/schema", env!("CARGO_MANIFEST_DIR"))).unwrap();
                std::fs::write(&path, pretty(schema)).unwrap();
            }
            let committed = std::fs::read_to_string(&path).unwrap_or_default();
            // As values, because the order of keys depends on how serde_json was built.
            let committed: Value = serde_json::from_str(&committed).unwrap_or_default();
            assert!(committed == *schema, "{path} is out of date: run the tests with AMIPROOF_UPDATE=1 and commit it");
        }
    }

    fn option_env_is_set(name: &str) -> bool {
        std::env::var_os(name).is_some_and(|value| value == "1")
    }

    /// [`crate::form`] reads a subset of JSON Schema. A keyword that it does not know would be a rule that editors show and
    /// amiproof does not hold.
    #[test]
    fn schemas_of_user_files_use_only_keywords_that_the_form_check_knows() {
        fn walk(schema: &Value, of: &str) {
            match schema {
                Value::Object(map) => {
                    for (key, value) in map {
                        assert!(KEYWORDS.contains(&key.as_str()), "{of}: unknown keyword '{key}'");
                        match key.as_str() {
                            "properties" | "$defs" => {
                                value.as_object().unwrap().values().for_each(|inner| walk(inner, of))
                            }
                            "examples" | "default" | "const" | "enum" | "required" | "type" => {}
                            _ => walk(value, of),
                        }
                    }
                }
                Value::Array(list) => list.iter().for_each(|inner| walk(inner, of)),
                _ => {}
            }
        }
        for (name, schema) in [("matrix", matrix()), ("workload", workload()), ("waivers", waivers())] {
            walk(schema, name);
        }
    }

    #[test]
    fn every_key_of_a_user_file_is_described_for_editors() {
        fn walk(schema: &Value, path: &str) {
            for (name, property) in schema["properties"].as_object().into_iter().flatten() {
                assert!(
                    property["description"].is_string() || property["$ref"].is_string(),
                    "{path}.{name} has no description"
                );
            }
            for (name, inner) in schema["$defs"].as_object().into_iter().flatten() {
                walk(inner, &format!("{path}/{name}"));
            }
        }
        for (name, schema) in [("matrix", matrix()), ("workload", workload()), ("waivers", waivers())] {
            assert!(schema["title"].is_string() && schema["description"].is_string(), "{name}");
            walk(schema, name);
        }
    }
}
