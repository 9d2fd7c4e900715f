//! What a run creates and finds through AWS: network, cluster, add-ons, and the node group of a variant.

use std::sync::Arc;

use amiproof_model::matrix::{ClusterSpec, Family, MadeNodes, Variant};
use amiproof_model::report::{ClusterRecord, Phase, Subject};
use futures::FutureExt as _;
use tokio::sync::mpsc;

use super::admittance::{self, Refusals, Roles, installs_cni, makes_windows};
use super::deadlines::{ADDON_DEADLINE, CLUSTER_DEADLINE, NETWORK_DEADLINE};
use super::event::{EventKind, PhaseError};
use super::session::Session;
use super::unjoined;
use crate::aws::ami::Ami;
use crate::aws::cluster::ClusterEndpoint;
use crate::aws::launch_template::LaunchTemplate;
use crate::aws::names::Tags;
use crate::aws::network::Network;
use crate::aws::node_group::NodeGroup;
use crate::aws::{self, Clients};
use crate::cluster::{self, Access};
use crate::resource;
use crate::user_data;

/// An EKS cluster, ready for node groups.
pub(crate) struct Eks {
    clients: Clients,
    /// What nodes need to know to join.
    pub(crate) endpoint: ClusterEndpoint,
    /// Subnets and roles of the nodes.
    node_settings: NodeSettings,
    /// Nodes that the cluster would not admit.
    refusals: Refusals,
    /// Tags of everything that the run creates.
    tags: Tags,
}

/// Subnets and roles of the nodes.
struct NodeSettings {
    subnet_ids: Vec<String>,
    node_role_arn: Option<String>,
    windows_node_role_arn: Option<String>,
}

/// The network stack: the existing one, or a new one if the matrix leaves anything to it; `None` if the matrix names everything itself.
pub(crate) async fn network(session: &Session, tags: &Tags) -> Result<Option<Network>, PhaseError> {
    let (plan, tools, clients) = (&session.plan, &session.tools, session.aws()?);
    let spec = &plan.matrix.cluster;
    let name = aws::names::network_stack(&spec.name);
    let there = aws::network::describe(clients, &name).await.map_err(|error| PhaseError::from_error(&error))?;
    let is_needed = || aws::network::is_needed(spec, makes_windows(session));
    let is_wanted = plan.steps.network_only || (plan.steps.provision && spec.create && is_needed());
    match there {
        Some(network) => Ok(Some(network)),
        None if is_wanted => {
            let made = resource::stack::create(
                clients,
                &tools.ledger,
                &name,
                spec,
                tags,
                amiproof_time::limit(NETWORK_DEADLINE),
            )
            .await;
            made.map(Some).map_err(|error| PhaseError::from_error(&error))
        }
        None => Ok(None),
    }
}

/// The cluster and a connection to its API server.
pub(crate) async fn cluster(
    session: &Session,
    stack: Option<&Network>,
    tags: &Tags,
) -> Result<(Eks, Access), PhaseError> {
    let (plan, tools, clients) = (&session.plan, &session.tools, session.aws()?);
    let spec = &plan.matrix.cluster;
    let endpoint = if spec.create && plan.steps.provision {
        let subnets = if spec.subnet_ids.is_empty() {
            stack.map(Network::subnet_ids).unwrap_or_default()
        } else {
            spec.subnet_ids.clone()
        };
        let role = spec.role_arn.as_deref().or(stack.map(|stack| stack.cluster_role_arn.as_str())).unwrap_or_default();
        resource::cluster::create(
            clients,
            &tools.ledger,
            spec,
            &subnets,
            role,
            tags,
            amiproof_time::limit(CLUSTER_DEADLINE),
        )
        .await
    } else {
        aws::cluster::existing(clients, &spec.name, amiproof_time::limit(CLUSTER_DEADLINE)).await
    };
    let endpoint = endpoint.map_err(|error| PhaseError::from_error(&error))?;
    let access = access(clients, &endpoint)?;
    let identity = clients.whoami().await.map_err(|error| PhaseError::from_error(&error))?;
    let record = ClusterRecord {
        name: endpoint.name.clone(),
        region: clients.region().to_owned(),
        account: identity.account,
        kubernetes_version: endpoint.version.parse().ok().or_else(|| spec.kubernetes_version.clone()),
        lab: plan.lab,
        made: spec.create,
    };
    session.events.send(&Subject::Cluster, EventKind::Cluster(record));
    let mut node_settings = NodeSettings::new(spec, stack, &endpoint);
    if spec.subnet_ids.is_empty() && stack.is_none() && makes_nodes(session) {
        node_settings.subnet_ids = private_subnets(clients, &endpoint).await?;
    }
    let roles = Roles {
        linux: node_settings.node_role_arn.as_deref(),
        windows: node_settings.windows_node_role_arn.as_deref(),
    };
    let refusals = if plan.steps.provision {
        admittance::prepare(session, clients, &access, &endpoint, roles, tags).await?
    } else {
        Refusals::default()
    };
    Ok((Eks { clients: clients.clone(), endpoint, node_settings, refusals, tags: tags.clone() }, access))
}

/// Whether the run creates node groups.
fn makes_nodes(session: &Session) -> bool {
    session.plan.steps.provision && session.plan.matrix.variants.iter().any(|variant| variant.made().is_some())
}

/// The private subnets of an existing cluster, for its node groups.
async fn private_subnets(clients: &Clients, endpoint: &ClusterEndpoint) -> Result<Vec<String>, PhaseError> {
    let private = aws::node_group::subnets::private_of(clients, &endpoint.subnet_ids).await;
    let private = private.map_err(|error| PhaseError::from_error(&error))?;
    if private.is_empty() {
        return Err(PhaseError::other(format!(
            "every subnet of cluster {} leads to an internet gateway ({}), and nodes without a public address never join from there: set \
             cluster.subnetIds in the matrix to private subnets of its VPC",
            endpoint.name,
            endpoint.subnet_ids.join(", ")
        )));
    }
    Ok(private)
}

/// A connection to a cluster's API server, with tokens signed in this process.
pub(crate) fn access(clients: &Clients, endpoint: &ClusterEndpoint) -> Result<Access, PhaseError> {
    let authority = endpoint.ca_pem().map_err(|error| PhaseError::from_error(&error))?;
    let access = Access::eks(&endpoint.endpoint, &authority, tokens(clients, &endpoint.name), clients.transport());
    // By this name `destroy` finds the cluster again, and knows that its objects are deleted with it.
    access.map(|access| access.named(&endpoint.name)).map_err(|error| PhaseError::from_error(&error))
}

/// Signs a new bearer token whenever the last one expires.
fn tokens(clients: &Clients, cluster: &str) -> cluster::TokenSource {
    let (clients, cluster) = (clients.clone(), cluster.to_owned());
    Arc::new(move || {
        let (clients, cluster) = (clients.clone(), cluster.clone());
        async move {
            let signed = aws::token::sign_token(&clients, &cluster).await?;
            Ok(cluster::Token { bearer: signed.bearer, expires: signed.expires })
        }
        .boxed()
    })
}

impl NodeSettings {
    /// The matrix first, then the network stack, then what the cluster itself says.
    fn new(spec: &ClusterSpec, stack: Option<&Network>, endpoint: &ClusterEndpoint) -> Self {
        let subnet_ids = match (spec.subnet_ids.is_empty(), stack) {
            (false, _) => spec.subnet_ids.clone(),
            (true, Some(stack)) => stack.private_subnet_ids.clone(),
            (true, None) => endpoint.subnet_ids.clone(),
        };
        let of_stack = |role: fn(&Network) -> &String| stack.map(|stack| role(stack).clone());
        Self {
            subnet_ids,
            node_role_arn: spec.node_role_arn.clone().or_else(|| of_stack(|stack| &stack.node_role_arn)),
            windows_node_role_arn: spec
                .windows_node_role_arn
                .clone()
                .or_else(|| of_stack(|stack| &stack.windows_node_role_arn)),
        }
    }
}

impl Eks {
    /// Installs the add-ons of a cluster that the run created, and what Windows nodes need of the VPC CNI. Stops waiting for them when
    /// `arrivals` closes: then no more nodes can come for their controllers, and the add-ons are not at fault.
    pub(crate) async fn install(
        &self,
        session: &Session,
        access: &Access,
        arrivals: &mut mpsc::Receiver<()>,
    ) -> Result<(), PhaseError> {
        let tools = &session.tools;
        let spec = &session.plan.matrix.cluster;
        if makes_windows(session) && !installs_cni(spec) && self.refusals.of(Family::Windows).is_none() {
            cluster::windows::enable_ipam(access, &tools.ledger)
                .await
                .map_err(|error| PhaseError::from_error(&error))?;
        }
        if !spec.create {
            return Ok(());
        }
        let has_stock = session.plan.matrix.variants.iter().any(aws::node_group::takes_controllers);
        for addon in &spec.addons {
            let wanted = resource::addon::Installation {
                cluster: &spec.name,
                kubernetes: &self.endpoint.version,
                addon,
                with_identities: spec.addons.iter().any(|other| other.name == "eks-pod-identity-agent"),
                controllers_on: has_stock.then_some(cluster::CONTROLLERS_LABEL),
                boundary: spec.governance.permissions_boundary.as_deref(),
                with_windows: makes_windows(session),
                tags: &self.tags,
            };
            let made = resource::addon::install(&self.clients, &tools.ledger, &wanted).await;
            made.map_err(|error| PhaseError::from_error(&error))?;
        }
        let waiting = spec.addons.iter().map(|addon| {
            let name = addon.name.as_str();
            let (access, asked) = (access.clone(), name.to_owned());
            let is_ready = move || {
                let (access, asked) = (access.clone(), asked.clone());
                // An API server that is briefly unavailable is asked again.
                async move { cluster::addons::are_controllers_ready(&access, &asked).await.unwrap_or(false) }.boxed()
            };
            let deadline = amiproof_time::limit(ADDON_DEADLINE);
            aws::addons::wait_active(&self.clients, &spec.name, name, deadline, is_ready)
        });
        tokio::select! {
            biased;
            outcomes = futures::future::join_all(waiting) => {
                outcomes.into_iter().try_for_each(|outcome| outcome.map_err(|error| PhaseError::from_error(&error)))
            }
            _ = arrivals.recv() => {
                let text = "no longer waiting: no remaining variant can provide a node for them".to_owned();
                session.events.send(&Subject::Cluster, EventKind::Progress(Phase::Addons, text));
                Err(PhaseError::Cancelled)
            }
        }
    }

    /// Creates the variant's launch template.
    pub(crate) async fn launch_template(
        &self,
        session: &Session,
        variant: &Variant,
        made: &MadeNodes,
        ami: &Ami,
    ) -> Result<LaunchTemplate, PhaseError> {
        let (plan, tools) = (&session.plan, &session.tools);
        let group = aws::names::node_group(&plan.run, &variant.name);
        let labels = aws::node_group::node_labels(&plan.run, variant, &group);
        let user_data = user_data::generate(&self.endpoint.facts(), variant, made.user_data.as_ref(), &labels)
            .map_err(|error| PhaseError::from_error(&error))?;
        let tags = self.tags.for_variant(&variant.name).with(&made.tags);
        let cluster_group = self.endpoint.security_group_id.as_deref();
        if cluster_group.is_none() && !made.security_groups.is_empty() {
            return Err(PhaseError::other(format!(
                "EKS does not name the security group of cluster {}, and nodes with other security groups could not reach it",
                self.endpoint.name
            )));
        }
        let wanted = aws::launch_template::Plan { variant, made, ami, cluster_group, user_data: &user_data };
        resource::launch_template::create(&self.clients, &tools.ledger, &wanted, &tags)
            .await
            .map_err(|error| PhaseError::from_error(&error))
    }

    /// Creates the variant's node group and waits until EKS reports ACTIVE.
    ///
    /// # Errors
    /// [`PhaseError::Failed`] when its nodes never joined: a verdict. [`PhaseError::Other`] when AWS or the account kept it from coming up.
    pub(crate) async fn node_group(
        &self,
        session: &Session,
        variant: &Variant,
        made: &MadeNodes,
        launch_template: &LaunchTemplate,
        access: &Access,
    ) -> Result<NodeGroup, PhaseError> {
        if let Some(why) = self.refusals.of(variant.family) {
            return Err(PhaseError::other(why.to_owned()));
        }
        let windows = variant.family == Family::Windows;
        let role = if windows { &self.node_settings.windows_node_role_arn } else { &self.node_settings.node_role_arn };
        let key = if windows { "windowsNodeRoleArn" } else { "nodeRoleArn" };
        let role_arn = role.as_deref().ok_or_else(|| {
            PhaseError::other(format!(
                "there is no role for the nodes of {}: set cluster.{key} in the matrix, or create the network stack with \
                 'amiproof apply --only network'",
                variant.name
            ))
        })?;
        let plan = aws::node_group::Plan {
            cluster: &self.endpoint.name,
            variant,
            made,
            role_arn,
            subnet_ids: &self.node_settings.subnet_ids,
            launch_template,
            tags: &self.tags.for_variant(&variant.name).with(&made.tags),
        };
        let subject = super::event::of_variant(&variant.name);
        let tell = |text: String| session.events.waiting(&subject, text);
        match resource::node_group::provision(&self.clients, &session.tools.ledger, &plan, &tell).await {
            Ok(group) => Ok(group),
            Err(aws::node_group::Error::NeverJoined { message, line, evidence, instances }) => {
                let mut not_ready = unjoined::NotReady { message, line, evidence, instances };
                session.events.waiting(&subject, "the settings of the instances that never joined".to_owned());
                unjoined::read_facts(&self.clients, variant.family, &mut not_ready).await;
                let group = aws::names::node_group(&session.plan.run, &variant.name);
                let wanted = usize::try_from(made.count).unwrap_or(usize::MAX);
                Err(unjoined::verdict(access, &group, wanted, not_ready).await)
            }
            Err(aws::node_group::Error::Infrastructure { message, evidence, .. }) => {
                Err(PhaseError::Other { message, evidence })
            }
            Err(other) => Err(PhaseError::from_error(&other)),
        }
    }
}
