//! The common form of all SDK errors: their class, and what to do next.

use std::fmt::Display;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

pub use super::class::Class;
use super::{cause, clock};

/// A failed call to AWS.
#[derive(Clone, Debug)]
pub struct AwsError {
    /// The class of the error.
    pub class: Class,
    /// The operation, as the API calls it: `CreateNodegroup`.
    pub operation: &'static str,
    /// The resource: `node group al2023-eks-l1-r-1`.
    pub resource: String,
    /// The error code of the service, if any.
    pub code: Option<String>,
    /// The service's own words, or those of the connection.
    pub message: String,
    /// Whether AWS certainly did nothing: there was no connection, or the call was throttled.
    pub did_nothing: bool,
    /// The prefix of the service's IAM actions, where the service is known: `eks`.
    pub service: Option<&'static str>,
}

impl std::fmt::Display for AwsError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} for {}: ", self.operation, self.resource)?;
        if let Some(code) = &self.code {
            write!(out, "{code}: ")?;
        }
        write!(out, "{}{}", self.message, self.advice())
    }
}

impl std::error::Error for AwsError {}

impl AwsError {
    /// Whether the endpoint does not implement the operation: an emulator of AWS without it.
    pub(crate) fn is_unknown_operation(&self) -> bool {
        let code = self.code.as_deref();
        code.is_some_and(|code| matches!(code, "InvalidAction" | "UnknownOperation" | "UnknownOperationException"))
    }

    /// An error that amiproof itself finds in an otherwise good answer.
    pub fn new(class: Class, operation: &'static str, resource: impl Display, message: impl Into<String>) -> Self {
        Self {
            class,
            operation,
            resource: resource.to_string(),
            code: None,
            message: message.into(),
            did_nothing: false,
            service: None,
        }
    }

    /// Whether the same call may succeed later.
    pub fn is_infrastructure(&self) -> bool {
        matches!(self.class, Class::Infrastructure | Class::Unreachable)
    }

    /// Whether a retry gives the same answer: permissions, credentials, the clock or the request itself must change first.
    pub fn is_permanent(&self) -> bool {
        matches!(self.class, Class::AccessDenied | Class::Credentials | Class::Clock | Class::Request)
    }

    /// Whether the resource does not exist.
    pub fn is_not_found(&self) -> bool {
        self.class == Class::NotFound
    }

    /// What to do about it, in parentheses; empty if only the caller knows.
    fn advice(&self) -> String {
        let text = match self.class {
            Class::AccessDenied => {
                let prefix = self.service.map_or_else(String::new, |service| format!("{service}:"));
                return format!(
                    " (allow the caller the IAM action {prefix}{}, or use other credentials)",
                    self.operation
                );
            }
            Class::Credentials => "log in, or name a profile with --profile; `aws sts get-caller-identity` must answer",
            Class::Unreachable => "check the network, VPN and proxy settings (HTTPS_PROXY, NO_PROXY), then run again",
            Class::Infrastructure => "run again",
            Class::Clock => "set this machine's clock, for example with `timedatectl set-ntp true`, then run again",
            Class::Request | Class::NotFound | Class::Exists | Class::InUse => return String::new(),
        };
        format!(" ({text})")
    }
}

/// Adds operation and resource to the result of an SDK call.
pub(crate) trait Explain<T> {
    /// Turns an SDK error into an [`AwsError`] that names operation and resource.
    fn explain(self, operation: &'static str, resource: impl Display) -> Result<T, AwsError>;
}

impl<T, E> Explain<T> for Result<T, SdkError<E, HttpResponse>>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    fn explain(self, operation: &'static str, resource: impl Display) -> Result<T, AwsError> {
        self.map_err(|error| read(error, operation, resource.to_string()))
    }
}

impl<T> Explain<T> for Result<T, aws_smithy_types::error::operation::BuildError> {
    fn explain(self, operation: &'static str, resource: impl Display) -> Result<T, AwsError> {
        self.map_err(|error| AwsError::new(Class::Request, operation, resource, error.to_string()))
    }
}

/// Turns "does not exist" into `None`, which is an answer.
pub(crate) fn found<T>(answer: Result<T, AwsError>) -> Result<Option<T>, AwsError> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

fn read<E>(error: SdkError<E, HttpResponse>, operation: &'static str, resource: String) -> AwsError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let status = error.raw_response().map(|response| response.status().as_u16());
    let mut read =
        AwsError { service: service_of::<E>(), ..AwsError::new(Class::Infrastructure, operation, resource, "") };
    if let SdkError::ServiceError(context) = &error {
        let code = context.err().code().map(str::to_owned);
        let message = context.err().message().map_or_else(|| cause::chain(context.err()), str::to_owned);
        read.class = classify(code.as_deref(), status, &message);
        read.did_nothing = is_throttling(code.as_deref().unwrap_or_default(), &message);
        let skew = clock::skew_of(context.raw().headers().get("date"));
        if let Some(skew) = skew.filter(|_| matches!(read.class, Class::Credentials | Class::Clock)) {
            read.class = Class::Clock;
            read.message = format!("{skew}: {message}");
        } else {
            read.message = message;
        }
        read.code = code;
        return read;
    }
    let cause = cause::of(&error);
    read.class = match (cause.class, &error) {
        (Some(class), _) => class,
        (None, SdkError::ConstructionFailure(_)) => Class::Request,
        // An answer that is not of the service's form: an endpoint that does not have this API says 404 in HTML.
        (None, SdkError::ResponseError(_)) => classify(None, status, &cause.message),
        (None, _) => Class::Infrastructure,
    };
    read.message = cause.message;
    read.did_nothing = cause.never_sent;
    read
}

/// The prefix of the IAM actions of the service whose error this is. The type's path names the SDK's crate; where it should not, the
/// message does without the prefix.
fn service_of<E>() -> Option<&'static str> {
    let name = std::any::type_name::<E>().strip_prefix("aws_sdk_")?;
    Some(match name.split_once("::")?.0 {
        "elasticloadbalancingv2" => "elasticloadbalancing",
        other => other,
    })
}

/// Codes come from the service models; status decides where a code is unknown.
fn classify(code: Option<&str>, status: Option<u16>, message: &str) -> Class {
    let code = code.unwrap_or_default();
    if is_throttling(code, message) || is_capacity(code) {
        return Class::Infrastructure;
    }
    match code {
        "AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation" | "AuthorizationError" | "NotAuthorized" => {
            Class::AccessDenied
        }
        "RequestTimeTooSkewed" | "RequestInTheFuture" => Class::Clock,
        "InvalidSignatureException" | "SignatureDoesNotMatch" if message.starts_with("Signature expired") => {
            Class::Clock
        }
        "InvalidSignatureException" | "SignatureDoesNotMatch" if message.starts_with("Signature not yet current") => {
            Class::Clock
        }
        "ExpiredToken"
        | "ExpiredTokenException"
        | "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "AuthFailure"
        | "MissingAuthenticationToken"
        | "RequestExpired" => Class::Credentials,
        "DependencyViolation"
        | "IncorrectState"
        | "IncorrectInstanceState"
        | "DeleteConflict"
        | "ConflictException"
        | "OperationInProgressException" => Class::InUse,
        // EKS says ResourceInUse both for a name that is taken and for a resource that is busy.
        "ResourceInUseException" if message.contains("already exists") => Class::Exists,
        "ResourceInUseException" => Class::InUse,
        "ResourceNotFoundException"
        | "NotFoundException"
        | "NoSuchEntity"
        | "NoSuchEntityException"
        | "ParameterNotFound"
        | "InvalidInstanceID" => Class::NotFound,
        // CloudFormation knows no code of its own for a stack that is not there.
        "ValidationError" if message.contains("does not exist") => Class::NotFound,
        _ if code.ends_with(".NotFound") || code.ends_with(".NotFoundException") || code.ends_with("NotFound") => {
            Class::NotFound
        }
        // EntityAlreadyExists, ParameterAlreadyExists, ResourceAlreadyExistsException …
        _ if code.ends_with(".Duplicate")
            || code.ends_with("AlreadyExists")
            || code.ends_with("AlreadyExistsException") =>
        {
            Class::Exists
        }
        _ if code.ends_with(".InUse") => Class::InUse,
        "InternalError"
        | "InternalFailure"
        | "InternalServerException"
        | "InternalServerError"
        | "ServerException"
        | "ServiceUnavailable"
        | "ServiceUnavailableException"
        | "Unavailable" => Class::Infrastructure,
        _ => match status {
            // A success whose body cannot be read was cut off on its way.
            Some(200..=299 | 429 | 500..=599) => Class::Infrastructure,
            Some(404) => Class::NotFound,
            Some(403) => Class::AccessDenied,
            _ => Class::Request,
        },
    }
}

fn is_throttling(code: &str, message: &str) -> bool {
    code.contains("Throttl")
        || matches!(
            code,
            "TooManyRequestsException"
                | "RequestLimitExceeded"
                | "SlowDown"
                | "EC2ThrottledException"
                | "PriorRequestNotComplete"
                | "BandwidthLimitExceeded"
                | "LimitExceededException"
        ) && (code != "LimitExceededException" || message.contains("Rate exceeded"))
}

fn is_capacity(code: &str) -> bool {
    matches!(
        code,
        "InsufficientInstanceCapacity"
            | "InsufficientHostCapacity"
            | "InsufficientReservedInstanceCapacity"
            | "InsufficientAddressCapacity"
            | "UnsupportedAvailabilityZoneException"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_as_the_services_mean_them() {
        for (code, status, message, class) in [
            ("ThrottlingException", 400, "Rate exceeded", Class::Infrastructure),
            ("Throttling", 400, "Rate exceeded", Class::Infrastructure),
            ("RequestLimitExceeded", 503, "", Class::Infrastructure),
            ("InsufficientInstanceCapacity", 500, "", Class::Infrastructure),
            ("ServerException", 500, "", Class::Infrastructure),
            ("SomethingNew", 502, "", Class::Infrastructure),
            ("LimitExceededException", 400, "quota of 30 node groups", Class::Request),
            ("ResourceLimitExceededException", 400, "", Class::Request),
            ("InvalidParameterException", 400, "", Class::Request),
            ("ResourceNotFoundException", 404, "", Class::NotFound),
            ("InvalidLaunchTemplateId.NotFound", 400, "", Class::NotFound),
            ("InvalidAMIID.NotFound", 400, "", Class::NotFound),
            ("ValidationError", 400, "Stack with id x does not exist", Class::NotFound),
            ("ValidationError", 400, "Template format error", Class::Request),
            ("NoSuchEntity", 404, "", Class::NotFound),
            ("ResourceInUseException", 409, "NodeGroup already exists with name x", Class::Exists),
            ("ResourceInUseException", 409, "Cluster has nodegroups attached", Class::InUse),
            ("InvalidLaunchTemplateName.AlreadyExistsException", 400, "", Class::Exists),
            ("ParameterAlreadyExists", 400, "The parameter already exists.", Class::Exists),
            ("UnauthorizedOperation", 403, "", Class::AccessDenied),
            ("ExpiredToken", 403, "", Class::Credentials),
            ("SignatureDoesNotMatch", 403, "The request signature we calculated does not match", Class::Credentials),
            ("SignatureDoesNotMatch", 403, "Signature expired: 20260101T000000Z is now earlier than", Class::Clock),
            ("InvalidSignatureException", 403, "Signature not yet current: 20260101T000000Z", Class::Clock),
            ("RequestTimeTooSkewed", 403, "", Class::Clock),
            ("InvalidNetworkInterface.InUse", 400, "", Class::InUse),
        ] {
            assert_eq!(classify(Some(code), Some(status), message), class, "{code} {status} {message}");
        }
        assert_eq!(classify(None, Some(404), ""), Class::NotFound);
    }

    #[test]
    fn a_message_names_operation_resource_and_what_to_do() {
        let error = AwsError {
            code: Some("AccessDeniedException".to_owned()),
            service: service_of::<aws_sdk_eks::operation::create_nodegroup::CreateNodegroupError>(),
            ..AwsError::new(Class::AccessDenied, "CreateNodegroup", "node group al2023", "not authorized")
        };
        insta::assert_snapshot!(error, @"CreateNodegroup for node group al2023: AccessDeniedException: not authorized (allow the caller the IAM action eks:CreateNodegroup, or use other credentials)");
        let error = AwsError::new(Class::Clock, "GetCallerIdentity", "the caller", "Signature expired");
        insta::assert_snapshot!(error, @"GetCallerIdentity for the caller: Signature expired (set this machine's clock, for example with `timedatectl set-ntp true`, then run again)");
    }
}
