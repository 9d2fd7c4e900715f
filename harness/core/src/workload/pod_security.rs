//! The Pod Security level that a workload's namespace needs.

use serde_json::Value;

use crate::cluster::pod_template::pod_template;

/// Capabilities that Pod Security's level `baseline` lets a container add (Kubernetes, "Pod Security Standards").
const BASELINE_CAPABILITIES: [&str; 13] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

/// Whether any pod template needs what Pod Security's levels below `privileged` refuse.
pub(super) fn needs_host(objects: &[Value]) -> bool {
    let each = |list: &Value| list.as_array().cloned().unwrap_or_default();
    let of_context = |context: &Value| {
        let adds = each(&context["capabilities"]["add"]);
        let adds = adds.iter().any(|name| !name.as_str().is_some_and(|name| BASELINE_CAPABILITIES.contains(&name)));
        let unconfined = |profile: &Value| profile["type"] == "Unconfined";
        let proc_mount = context["procMount"].as_str().is_some_and(|mount| mount != "Default");
        context["privileged"] == true
            || context["windowsOptions"]["hostProcess"] == true
            || adds
            || proc_mount
            || !each(&context["sysctls"]).is_empty()
            || !context["seLinuxOptions"].is_null()
            || unconfined(&context["seccompProfile"])
            || unconfined(&context["appArmorProfile"])
    };
    let of_spec = |spec: &Value| {
        let flag = |name: &str| spec[name] == true;
        let host_path = each(&spec["volumes"]).iter().any(|volume| !volume["hostPath"].is_null());
        let containers = ["containers", "initContainers"].map(|list| each(&spec[list])).concat();
        let of_container = |container: &Value| {
            let host_port = each(&container["ports"]).iter().any(|port| port["hostPort"].as_u64().unwrap_or(0) > 0);
            host_port || of_context(&container["securityContext"])
        };
        flag("hostNetwork")
            || flag("hostPID")
            || flag("hostIPC")
            || host_path
            || of_context(&spec["securityContext"])
            || containers.iter().any(of_container)
    };
    objects.iter().any(|object| pod_template(&mut object.clone()).is_some_and(|template| of_spec(&template["spec"])))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_workloads_that_need_the_host_get_a_privileged_namespace() {
        let deployment = |spec: Value| vec![json!({"kind": "Deployment", "spec": {"template": {"spec": spec}}})];
        assert!(!needs_host(&deployment(json!({"containers": [{"name": "a"}], "volumes": [{"emptyDir": {}}]}))));
        assert!(needs_host(&deployment(json!({"volumes": [{"hostPath": {"path": "/var/log/pods"}}]}))));
        assert!(needs_host(&deployment(json!({"hostNetwork": true}))));
        assert!(needs_host(&deployment(json!({"containers": [{"securityContext": {"privileged": true}}]}))));
    }
}
