//! One column of a report as a report of its own.

use super::{Report, Subject};
use crate::name::VariantName;

impl Report {
    /// What the report says of one variant, under another name: two columns of one run can be compared like two runs of one variant. The
    /// variant's own name becomes the id of the run. Results of the cluster, explanations, waivers and cleanup are left out.
    pub fn column(&self, variant: &VariantName, shown_as: &VariantName) -> Self {
        let (own, shown) = (Subject::Variant(variant.clone()), Subject::Variant(shown_as.clone()));
        let mut column = Self::new(&self.tool.version, self.run.clone(), self.cluster.clone());
        column.tool = self.tool.clone();
        if let Ok(name) = variant.as_str().parse() {
            column.run.id = name;
        }
        column.run.releases.clear();
        column.run.shards = None;
        let variants = self.variants.iter().filter(|known| known.name == *variant).cloned();
        column.variants = variants.collect();
        for known in &mut column.variants {
            known.name = shown_as.clone();
            known.reference = None;
        }
        let results = self.results.iter().filter(|result| result.subject == own).cloned();
        column.results = results.collect();
        column.results.iter_mut().for_each(|result| result.subject = shown.clone());
        let scans = self.scans.iter().filter(|scan| scan.subject == own).cloned();
        column.scans = scans.collect();
        column.scans.iter_mut().for_each(|scan| scan.subject = shown.clone());
        column
    }
}
