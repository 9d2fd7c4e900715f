//! The Systems Manager parameter that names the newest promoted image: what Terraform, Karpenter and launch templates read.

use std::time::Duration;

use amiproof_model::release::tag::{self, is_parameter_name};
use aws_sdk_ssm::types::{ParameterType, ResourceTypeForTagging, Tag};

use super::change::{Changes, Mode};
use super::error::Error;
use crate::aws::Clients;
use crate::aws::error::{AwsError, Class, Explain as _, found};

/// The data type of a parameter that a launch template may name (`resolve:ssm:`). Systems Manager verifies the image after it has answered.
const IMAGE: &str = "aws:ec2:image";
/// How long that may take.
const VERIFIED_WITHIN: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_secs(3);

/// A parameter that is amiproof's own, or does not exist yet.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    name: String,
    /// `MATRIX/VARIANT`.
    line: String,
    /// What it names; `None` if it does not exist.
    value: Option<String>,
    /// `text` or `aws:ec2:image`; that of an existing parameter cannot be changed.
    data: Option<String>,
    /// Whether something else created it, and the user lets amiproof have it.
    is_adopted: bool,
}

impl Slot {
    /// Reads a parameter that is to be written.
    ///
    /// # Errors
    /// [`Error::Refused`] if something else created it, unless it is adopted, or if it is not a plain string.
    pub(super) async fn read(clients: &Clients, name: &str, line: &str, adopt: bool) -> Result<Self, Error> {
        if !is_parameter_name(name) {
            let message = format!("'{name}' is not the name of a parameter of your own");
            return Err(Error::refused(
                message,
                "begin with '/', not with /aws or /ssm, and use letters, digits, '/', '_', '.' and '-'",
            ));
        }
        let absent =
            || Self { name: name.to_owned(), line: line.to_owned(), value: None, data: None, is_adopted: false };
        let Some((kind, value, data)) = current(clients, name).await? else { return Ok(absent()) };
        if kind != ParameterType::String {
            let message = format!("parameter {name} is a {} and not a String", kind.as_str());
            return Err(Error::refused(message, "name another one with --parameter"));
        }
        let is_own = owner(clients, name).await?.as_deref() == Some(&*tag::value(line));
        if !is_own && !adopt {
            let message = format!(
                "parameter {name} was not created by a promotion of {line}: it has no tag {} that says so",
                tag::PARAMETER
            );
            return Err(Error::refused(
                message,
                "name another one with --parameter, or overwrite this one from now on with --adopt",
            ));
        }
        Ok(Self { value: Some(value), data, is_adopted: !is_own, ..absent() })
    }

    /// Reads a parameter that a promotion of one of these lines wrote; `None` if it is gone.
    ///
    /// # Errors
    /// [`Error::Refused`] if something else created it.
    pub(super) async fn of_any(clients: &Clients, name: &str, lines: &[&str]) -> Result<Option<Self>, Error> {
        if current(clients, name).await?.is_none() {
            return Ok(None);
        }
        let own = owner(clients, name).await?;
        let line =
            lines.iter().find(|line| Some(**line) == own.as_deref()).or(lines.first()).copied().unwrap_or_default();
        let slot = Self::read(clients, name, line, false).await?;
        Ok(Some(slot).filter(|slot| slot.value.is_some()))
    }

    /// `MATRIX/VARIANT`.
    pub(super) fn line(&self) -> &str {
        &self.line
    }

    /// Whether it names an image.
    pub(super) fn names(&self, image: &str) -> bool {
        self.value.as_deref() == Some(image)
    }

    /// Lets it name an image, and waits until it does.
    pub(super) async fn set(&self, clients: &Clients, image: &str, mode: Mode) -> Result<Changes, Error> {
        let name = &self.name;
        let mut changes = Changes::new();
        if !self.names(image) {
            changes.push(match &self.value {
                Some(value) => format!("set parameter {name} from {value} to {image}"),
                None => format!("create parameter {name} with {image}"),
            });
            if mode == Mode::Apply {
                self.put(clients, image).await?;
                self.verified(clients, image).await?;
            }
        }
        if self.is_adopted {
            changes.push(format!("tag parameter {name} as that of {}", self.line));
            if mode == Mode::Apply {
                let asked = || async {
                    let request = clients.ssm.add_tags_to_resource().resource_type(ResourceTypeForTagging::Parameter);
                    let request = request.resource_id(name).tags(self.tag()?);
                    request.send().await.explain("AddTagsToResource", format!("parameter {name}"))
                };
                clients.write_idempotent(asked).await?;
            }
        }
        Ok(changes)
    }

    fn tag(&self) -> Result<Tag, AwsError> {
        Tag::builder()
            .key(tag::PARAMETER)
            .value(tag::value(&self.line))
            .build()
            .explain("PutParameter", format!("parameter {}", self.name))
    }

    async fn put(&self, clients: &Clients, image: &str) -> Result<(), Error> {
        let resource = || format!("parameter {}", self.name);
        let write = || async {
            let request = clients.ssm.put_parameter().name(&self.name).value(image).r#type(ParameterType::String);
            let request = request.data_type(self.data.as_deref().unwrap_or(IMAGE));
            // Tags can only be given to a new parameter, and only together with its creation is the owner certain.
            let request = match self.value {
                Some(_) => request.overwrite(true),
                None => request
                    .tags(self.tag()?)
                    .description("The newest image that amiproof promoted; written by `amiproof promote`."),
            };
            request.send().await.explain("PutParameter", resource()).map(|_| ())
        };
        let find = || async {
            let found = current(clients, &self.name).await?;
            Ok(found.filter(|(_, value, _)| value == image).map(|_| ()))
        };
        Ok(clients.write_or_find(write, find).await?)
    }

    /// Waits until the parameter names the image: Systems Manager drops a value without an image after it has accepted it.
    async fn verified(&self, clients: &Clients, image: &str) -> Result<(), Error> {
        let named = async {
            loop {
                if current(clients, &self.name).await?.is_some_and(|(_, value, _)| value == image) {
                    return Ok::<_, AwsError>(());
                }
                clients.pause(PAUSE).await;
            }
        };
        match tokio::time::timeout(VERIFIED_WITHIN, named).await {
            Ok(named) => Ok(named?),
            Err(_) => Err(AwsError::new(
                Class::Infrastructure,
                "PutParameter",
                format!("parameter {}", self.name),
                format!("accepted, but it does not name {image} after {} s", VERIFIED_WITHIN.as_secs()),
            )
            .into()),
        }
    }

    /// Deletes it. It is amiproof's own: [`Self::existing`] has made sure.
    pub(super) async fn delete(&self, clients: &Clients, mode: Mode) -> Result<Changes, Error> {
        let name = &self.name;
        if mode == Mode::Apply {
            let asked = || async {
                clients
                    .ssm
                    .delete_parameter()
                    .name(name)
                    .send()
                    .await
                    .explain("DeleteParameter", format!("parameter {name}"))
            };
            found(clients.write_idempotent(asked).await)?;
        }
        Ok(vec![format!("delete parameter {name}: no earlier image of {} is promoted", self.line)])
    }

    /// Its earlier values, the newest first. Systems Manager keeps the last 100.
    pub(super) async fn earlier_values(&self, clients: &Clients) -> Result<Vec<String>, Error> {
        let mut values = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let asked = || async {
                let request = clients.ssm.get_parameter_history().name(&self.name).set_next_token(token.clone());
                request.send().await.explain("GetParameterHistory", format!("parameter {}", self.name))
            };
            let page = clients.read(asked).await?;
            values.extend(
                page.parameters().iter().map(|one| (one.version(), one.value().unwrap_or_default().to_owned())),
            );
            token = page.next_token().filter(|token| !token.is_empty()).map(str::to_owned);
            if token.is_none() {
                break;
            }
        }
        values.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
        Ok(values.into_iter().map(|(_, value)| value).collect())
    }
}

/// Type, value and data type of a parameter; `None` if there is none.
async fn current(clients: &Clients, name: &str) -> Result<Option<(ParameterType, String, Option<String>)>, AwsError> {
    let asked = || async {
        clients.ssm.get_parameter().name(name).send().await.explain("GetParameter", format!("parameter {name}"))
    };
    let answer = found(clients.read(asked).await)?;
    Ok(answer.and_then(|answer| answer.parameter).map(|parameter| {
        let kind = parameter.r#type().cloned().unwrap_or(ParameterType::String);
        (kind, parameter.value.unwrap_or_default(), parameter.data_type)
    }))
}

/// What a parameter says it names the newest image of.
async fn owner(clients: &Clients, name: &str) -> Result<Option<String>, AwsError> {
    let asked = || async {
        let request = clients.ssm.list_tags_for_resource().resource_type(ResourceTypeForTagging::Parameter);
        request.resource_id(name).send().await.explain("ListTagsForResource", format!("parameter {name}"))
    };
    let answer = clients.read(asked).await?;
    Ok(answer.tag_list().iter().find(|tag| tag.key() == tag::PARAMETER).map(|tag| tag.value().to_owned()))
}
