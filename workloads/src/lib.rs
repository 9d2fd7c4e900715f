//! The catalogue of sample apps and add-ons: one YAML file each.
