//! A matrix whose columns are several releases of one variant's image.

use std::str::FromStr;

use super::spec::{AmiSource, Matrix, NodeSource};
use crate::name::{NameError, VariantName};
use crate::waiver::Waiver;

/// Why the releases of a variant cannot become columns.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReleasesError {
    /// Its nodes exist already, and keep their image.
    #[error("the nodes of variant {0} exist already, so they cannot get other images")]
    Existing(VariantName),
    /// The matrix has no such variant.
    #[error("there is no variant '{0}'")]
    Unknown(VariantName),
    /// The matrix has a variant with the name that a column would get.
    #[error("the matrix has a variant {0}, the name that one of the releases would get")]
    Taken(VariantName),
    /// The names of the columns would be too long.
    #[error(transparent)]
    Name(#[from] NameError),
}

/// Images that can be written on a command line: an id, or the name of a Systems Manager parameter.
impl FromStr for AmiSource {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let is_parameter = text.len() > 1
            && text.starts_with('/')
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "/._-:".contains(c));
        if is_parameter {
            return Ok(Self::SsmParameter(text.to_owned()));
        }
        text.parse().map(Self::Id)
    }
}

impl Matrix {
    /// The matrix with one column for each of `images` instead of `variant`, and with the variant's reference, if it has one. The columns are
    /// named after the variant (`-r1` for the first image) and differ from it only in the image. Thresholds and scans that name the variant
    /// apply to each column.
    ///
    /// # Errors
    /// [`ReleasesError`]: the variant cannot have other images, or its columns no names.
    pub fn of_releases(
        &self,
        variant: &VariantName,
        images: &[AmiSource],
    ) -> Result<(Self, Vec<VariantName>), ReleasesError> {
        let original = self.variants.iter().find(|known| known.name == *variant);
        let original = original.ok_or_else(|| ReleasesError::Unknown(variant.clone()))?;
        let NodeSource::Made(made) = &original.nodes else { return Err(ReleasesError::Existing(variant.clone())) };
        let mut matrix = self.clone();
        matrix.variants.retain(|known| Some(&known.name) == original.reference.as_ref());
        let mut names = Vec::new();
        for (at, image) in images.iter().enumerate() {
            let name: VariantName = format!("{variant}-r{}", at + 1).parse()?;
            if self.variants.iter().any(|known| known.name == name) {
                return Err(ReleasesError::Taken(name));
            }
            let mut made = made.clone();
            (made.ami, made.build) = (image.clone(), None);
            let mut column = original.clone();
            (column.name, column.nodes) = (name.clone(), NodeSource::Made(made));
            matrix.variants.push(column);
            names.push(name);
        }
        matrix.scans.openscap.iter_mut().for_each(|entry| replace(&mut entry.variants, variant, &names));
        matrix.thresholds.iter_mut().for_each(|threshold| replace(&mut threshold.variants, variant, &names));
        Ok((matrix, names))
    }
}

impl Waiver {
    /// The waiver with the columns in place of the variant.
    #[must_use]
    pub fn of_releases(mut self, variant: &VariantName, columns: &[VariantName]) -> Self {
        let names: Vec<String> = columns.iter().map(ToString::to_string).collect();
        replace(&mut self.variants, &variant.to_string(), &names);
        self
    }
}

/// Replaces one element by others, if the list contains it.
fn replace<T: Clone + PartialEq>(list: &mut Vec<T>, old: &T, new: &[T]) {
    if let Some(at) = list.iter().position(|one| one == old) {
        list.splice(at..=at, new.iter().cloned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::{Files, resolve};

    fn matrix() -> Matrix {
        let text = "apiVersion: amiproof/v1\nkind: Matrix\nmetadata: {name: m}\n\
            cluster: {name: c, region: us-west-2, kubernetesVersion: \"1.35\", create: false}\n\
            thresholds:\n  - {suite: os-cis, variants: [stock, l2], coverage: 90%}\n  - {suite: os-cis, coverage: 80%}\n\
            variants:\n\
            \x20 - {name: other, family: al2023, ami: {ssm: recommended}}\n\
            \x20 - {name: stock, family: al2023, ami: {ssm: recommended}}\n\
            \x20 - {name: l2, family: al2023, reference: stock, nodes: 3, ami: {ssm: recommended}}\n\
            \x20 - {name: there, family: al2023, nodes: {selector: a=b}}\n";
        resolve("m.yaml", text.as_bytes(), &Files::new(), &["os-cis"]).unwrap().matrix
    }

    fn images() -> Vec<AmiSource> {
        ["ami-00000000000000001", "/golden/al2023:4"].iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn each_image_is_a_column_beside_the_reference() {
        let l2 = "l2".parse().unwrap();
        let (matrix, names) = matrix().of_releases(&l2, &images()).unwrap();
        let columns: Vec<&str> = matrix.variants.iter().map(|variant| variant.name.as_str()).collect();
        assert_eq!(columns, ["stock", "l2-r1", "l2-r2"]);
        assert_eq!(names.len(), 2);
        let made: Vec<_> = matrix.variants.iter().map(|variant| variant.made().unwrap()).collect();
        assert_eq!((made[1].count, &made[1].ami), (3, &images()[0]));
        assert_eq!(made[2].ami, AmiSource::SsmParameter("/golden/al2023:4".to_owned()));
        assert!(matrix.variants[1..].iter().all(|variant| variant.reference.as_ref().unwrap().as_str() == "stock"));
        let scope: Vec<&str> = matrix.thresholds[0].variants.iter().map(VariantName::as_str).collect();
        assert_eq!(scope, ["stock", "l2-r1", "l2-r2"]);
        assert!(matrix.thresholds[1].variants.is_empty(), "one that is for all stays one for all");
    }

    #[test]
    fn errors_say_why_releases_cannot_become_columns() {
        let refused = |name: &str| matrix().of_releases(&name.parse().unwrap(), &images()).unwrap_err().to_string();
        assert_eq!(refused("there"), "the nodes of variant there exist already, so they cannot get other images");
        assert_eq!(refused("none"), "there is no variant 'none'");
        assert!("ami-1".parse::<AmiSource>().is_err() && "golden".parse::<AmiSource>().is_err());
    }
}
