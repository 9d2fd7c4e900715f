//! What commands on nodes need.

use amiproof_model::matrix::Family;

use crate::aws;
use crate::cluster::check_namespace::Place;
use crate::context::Context;

/// What a command on a node needs: a part of a check's context, or what `destroy` has.
#[derive(Clone)]
pub(crate) struct Hosts {
    /// Where its pod runs, if it needs one.
    pub(crate) place: Place,
    /// The family of the nodes.
    pub(crate) family: Family,
    /// AWS; `None` if there is none.
    pub(crate) aws: Option<aws::Clients>,
    /// The registry that images are pulled from.
    pub(crate) image_registry: Option<String>,
}

impl From<&Context> for Hosts {
    fn from(context: &Context) -> Self {
        Self {
            place: context.into(),
            family: context.variant.family,
            aws: context.aws.clone(),
            image_registry: context.image_registry.clone(),
        }
    }
}
