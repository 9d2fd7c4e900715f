//! Provisioning and cleanup against the lab: the same bodies as against moto, and what only the lab can do: things that go wrong.

#![expect(clippy::unwrap_used, reason = "a test that cannot continue ends there")]

#[path = "support/account_lab.rs"]
mod account_lab;
#[path = "support/memory_lab.rs"]
mod memory_lab;
mod provisioning;
mod registry;

use std::time::Duration;

use amiproof_lab::scenario::Scenario;

use account_lab::Lab;

/// How long a scan may take on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(7200);

/// Runs a test in a time of its own: nothing waits, and a busy machine changes nothing.
fn simulated<F: Future<Output = ()>>(test: impl FnOnce() -> F + Send) {
    amiproof_time::simulate(1, test).unwrap();
}

fn scenario(name: &str) -> Scenario {
    Scenario::find(name).unwrap()
}

#[test]
fn everything_that_is_made_is_removed() {
    simulated(|| async {
        let lab = Lab::with(Scenario::default()).await;
        provisioning::everything_that_is_made_is_removed(&lab.world).await;
        lab.assert_empty().await;
    });
}

#[test]
fn images_are_promoted_and_revoked() {
    simulated(|| async {
        let lab = Lab::with(Scenario::default()).await;
        provisioning::images_of_image_builder_are_found_by_their_tag(&lab.world).await;
        provisioning::promoted::an_image_is_promoted_followed_and_revoked(&lab.world).await;
        provisioning::promoted::a_parameter_of_others_stays(&lab.world).await;
        lab.assert_empty().await;
    });
}

#[test]
fn what_was_deleted_is_created_again() {
    simulated(|| async {
        let lab = Lab::with(Scenario::default()).await;
        provisioning::again::what_was_destroyed_is_created_again(&lab.world).await;
        provisioning::again::what_is_being_deleted_is_awaited_and_created_again(&lab.world).await;
        provisioning::again::what_another_run_is_deleting_is_awaited(&lab.world).await;
        provisioning::again::what_was_deleted_in_a_cluster_is_created_again(&lab.world).await;
        lab.assert_empty().await;
    });
}

#[test]
fn load_balancers_of_services_go_with_what_they_were_created_for() {
    simulated(|| async {
        for in_own_cluster in [true, false] {
            let lab = Lab::with(Scenario::default()).await;
            let account = lab.aws.world();
            let create = |name: &str, subnet: &str, tags| account.create_load_balancer(name, subnet, tags).unwrap();
            let there = || {
                let all = lab.aws.resources().into_iter().filter(|one| one.kind == "load-balancer");
                all.map(|one| one.name).collect::<Vec<String>>()
            };
            if in_own_cluster {
                provisioning::load_balancers::what_services_leave_goes_with_the_network(&lab.world, create, there)
                    .await;
                lab.aws.stop().await;
            } else {
                provisioning::load_balancers::those_of_a_run_are_deleted_in_a_cluster_that_stays(
                    &lab.world, create, there,
                )
                .await;
                lab.assert_empty().await;
            }
        }
    });
}

#[test]
fn a_search_lists_clusters_and_stacks_once() {
    simulated(|| async {
        let lab = Lab::with(Scenario::default()).await;
        provisioning::kept::a_search_asks_once(&lab.world, |operation| lab.calls(operation)).await;
        lab.assert_empty().await;
    });
}

#[test]
fn what_failed_is_deleted_and_created_again() {
    simulated(|| async {
        let lab = Lab::with(Scenario::default()).await;
        provisioning::failed::a_stack_that_could_not_be_deleted_is_deleted_and_created_again(&lab.world).await;
        lab.assert_empty().await;
        let fails = "name: fails\nfaults:\n  - nodeGroupFails: {nodeGroup: '*', phase: delete, issue: NodeTerminationFailure, message: stuck, times: 1}\n";
        let lab = Lab::with(Scenario::parse("fails", fails).unwrap()).await;
        provisioning::failed::a_node_group_that_failed_is_deleted_and_created_again(&lab.world).await;
        lab.assert_empty().await;
    });
}

#[test]
fn what_is_left_in_a_cluster_that_stays_is_swept_by_its_tags() {
    simulated(|| async {
        let lab = Lab::with(Scenario::default()).await;
        provisioning::kept::what_is_left_in_a_cluster_that_stays_is_swept_by_its_tags(&lab.world).await;
        lab.assert_empty().await;
    });
}

#[test]
fn what_an_account_demands_is_on_everything() {
    simulated(|| async {
        let lab = Lab::with(Scenario::default()).await;
        provisioning::governed::what_an_account_demands_is_on_everything(&lab.world).await;
        lab.assert_empty().await;
    });
}

#[test]
fn a_ledger_without_a_single_answer_is_enough() {
    simulated(|| async {
        let lab = Lab::with(Scenario::default()).await;
        provisioning::a_ledger_without_a_single_answer_is_enough(&lab.world).await;
        lab.assert_empty().await;
    });
}

#[test]
fn a_cluster_of_the_same_name_that_another_run_made_is_left_alone() {
    simulated(|| async {
        let lab = Lab::with(Scenario::default()).await;
        provisioning::a_cluster_of_the_same_name_that_another_run_made_is_left_alone(&lab.world).await;
        lab.assert_empty().await;
    });
}

#[test]
fn what_has_expired_is_swept_by_its_tags_alone() {
    simulated(|| async {
        let lab = Lab::with(Scenario::default()).await;
        provisioning::what_has_expired_is_swept_by_its_tags_alone(&lab.world).await;
        lab.assert_empty().await;
    });
}

#[test]
fn what_others_made_under_the_same_names_survives() {
    simulated(|| async {
        let lab = Lab::with(Scenario::default()).await;
        provisioning::owners::what_others_made_under_the_same_names_survives(&lab.world).await;
        lab.assert_empty().await;
    });
}

#[test]
fn what_others_made_without_tags_survives() {
    simulated(|| async {
        let lab = Lab::with(Scenario::default()).await;
        provisioning::owners::what_others_made_without_tags_survives(&lab.world).await;
        lab.assert_empty().await;
    });
}

#[test]
fn what_a_stack_holds_that_may_not_be_read_is_said_and_keeps_nothing() {
    simulated(|| async {
        let denied = "{name: denied, faults: [{deleteFails: {service: cloudformation, operation: DescribeStackResources, times: 100, \
                  status: 403, code: AccessDenied, message: no}}]}";
        let lab = Lab::with(Scenario::parse("denied", denied).unwrap()).await;
        provisioning::what_a_stack_holds_may_not_be_read(&lab.world).await;
        lab.assert_empty().await;
    });
}

#[test]
fn both_volumes_of_bottlerocket_are_encrypted_and_its_data_get_the_size() {
    simulated(|| async {
        let lab = Lab::with(Scenario::default()).await;
        provisioning::governed::both_volumes_of_bottlerocket_are_as_the_matrix_says(&lab.world).await;
        lab.assert_empty().await;
    });
}

#[test]
fn further_security_groups_are_on_every_node() {
    simulated(|| async {
        let lab = Lab::with(Scenario::default()).await;
        provisioning::governed::further_security_groups_are_on_every_node(&lab.world).await;
        lab.assert_empty().await;
    });
}

#[test]
fn sweep_takes_nothing_from_under_a_living_cluster() {
    simulated(|| async {
        let lab = Lab::with(Scenario::default()).await;
        provisioning::owners::sweep_takes_nothing_from_under_a_living_cluster(&lab.world).await;
        lab.assert_empty().await;
    });
}

#[test]
fn what_nodes_and_guard_duty_leave_in_the_network_goes_with_it() {
    simulated(|| async {
        let lab = Lab::with(scenario("leaks")).await;
        provisioning::everything_that_is_made_is_removed(&lab.world).await;
        for operation in ["DeleteNetworkInterface", "DeleteVolume", "DeleteVpcEndpoints", "DeleteSecurityGroup"] {
            assert!(lab.calls(&format!("ec2.{operation}")) > 0, "{operation}");
        }
        lab.assert_empty().await;
    });
}

#[test]
fn a_reading_that_is_denied_is_asked_once_and_is_no_leftover() {
    simulated(|| async {
        let denied = "{name: denied, faults: [{deleteFails: {service: eks, operation: ListClusters, times: 100, status: 403, \
                  code: AccessDeniedException, message: no}}]}";
        let lab = Lab::with(Scenario::parse("denied", denied).unwrap()).await;
        let why = "the caller lacks the IAM action eks:ListClusters";
        provisioning::what_may_not_be_read_is_not_verified(&lab.world, why).await;
        // For what lives in the network, and for the proof.
        assert_eq!(lab.calls("eks.ListClusters"), 2);
        // Nothing of theirs was used.
        assert_eq!((lab.calls("iam.ListRoles"), lab.calls("inspector2.ListCisScanConfigurations")), (0, 0));
        lab.assert_empty().await;
    });
}

#[test]
fn a_reading_that_fails_for_good_is_asked_once_and_is_no_leftover() {
    simulated(|| async {
        let refused = "{name: refused, faults: [{deleteFails: {service: eks, operation: ListClusters, times: 100, status: 401, \
                   code: OptInRequired, message: You are not subscribed to this service}}]}";
        let lab = Lab::with(Scenario::parse("refused", refused).unwrap()).await;
        provisioning::what_may_not_be_read_is_not_verified(&lab.world, "You are not subscribed to this service").await;
        assert_eq!(lab.calls("eks.ListClusters"), 2);
        lab.assert_empty().await;
    });
}

#[test]
fn a_provider_goes_with_its_run_and_those_of_others_stay() {
    simulated(|| async {
        let lab = Lab::with(Scenario::default()).await;
        provisioning::provider::a_provider_goes_with_its_run_and_those_of_others_stay(&lab.world).await;
        lab.assert_empty().await;
    });
}

#[test]
fn what_is_missing_is_said_with_a_suggestion() {
    simulated(|| async {
        let lab = Lab::with(Scenario::default()).await;
        provisioning::what_is_missing_is_said_with_a_suggestion(&lab.world).await;
        lab.assert_empty().await;
    });
}

#[test]
fn throttling_changes_nothing() {
    simulated(|| async {
        let lab = Lab::with(scenario("throttling")).await;
        provisioning::everything_that_is_made_is_removed(&lab.world).await;
        lab.assert_empty().await;
    });
}

#[test]
fn bursts_of_server_errors_change_nothing() {
    simulated(|| async {
        let lab = Lab::with(scenario("server-errors")).await;
        provisioning::everything_that_is_made_is_removed(&lab.world).await;
        lab.assert_empty().await;
    });
}

#[test]
fn deletes_that_fail_at_first_are_asked_for_again() {
    simulated(|| async {
        let lab = Lab::with(scenario("delete-fails")).await;
        provisioning::everything_that_is_made_is_removed(&lab.world).await;
        lab.assert_empty().await;
    });
}

#[test]
fn nodes_that_never_join_are_given_up_with_evidence() {
    simulated(|| async {
        let never = "name: never\nfaults:\n  - neverJoins: {nodeGroup: '*', reason: 'kubelet.service: Failed to determine user credentials'}\n";
        let lab = Lab::with(Scenario::parse("never", never).unwrap()).await;
        provisioning::nodes_that_never_join_are_given_up_with_evidence(&lab.world).await;
        lab.assert_empty().await;
    });
}

#[test]
fn a_node_group_that_aws_throttled_is_made_anew() {
    simulated(|| async {
        let throttled = "name: iam\nfaults:\n  - nodeGroupFails: {nodeGroup: '*', phase: create, issue: IamThrottling, message: Rate exceeded, times: 1}\n";
        let lab = Lab::with(Scenario::parse("iam", throttled).unwrap()).await;
        provisioning::a_node_group_that_aws_throttled_is_made_anew(&lab.world).await;
        lab.assert_empty().await;
    });
}

#[test]
fn what_is_permanent_is_tried_once() {
    simulated(|| async {
        let quota = "name: quota\nfaults:\n  - nodeGroupFails: {nodeGroup: '*', phase: create, issue: AsgInstanceLaunchFailures, message: 'Could not launch instances. VcpuLimitExceeded: limit of 5', times: 0}\n";
        let lab = Lab::with(Scenario::parse("quota", quota).unwrap()).await;
        provisioning::what_is_permanent_is_tried_once(&lab.world).await;
        assert_eq!(lab.calls("eks.CreateNodegroup"), 1);
        lab.assert_empty().await;
    });
}

#[test]
fn private_subnets_are_told_from_public_ones() {
    simulated(|| async {
        let lab = Lab::with(Scenario::default()).await;
        provisioning::private_subnets_are_told_from_public_ones(&lab.world).await;
        lab.assert_empty().await;
    });
}

fn lost(operation: &str) -> Scenario {
    let text = format!("name: lost\nfaults:\n  - answerLost: {{operation: {operation}, times: 1}}\n");
    Scenario::parse("lost", &text).unwrap()
}

#[test]
fn a_command_whose_answer_is_lost_is_not_sent_again() {
    simulated(|| async {
        let lab = Lab::with(lost("SendCommand")).await;
        provisioning::a_command_is_sent_once(&lab.world).await;
        assert_eq!((lab.calls("ssm.SendCommand"), lab.calls("ssm.ListCommands")), (1, 1));
        lab.assert_empty().await;
    });
}

#[test]
fn a_scan_whose_making_was_not_answered_is_made_once() {
    simulated(|| async {
        let lab = Lab::with(lost("CreateCisScanConfiguration")).await;
        let scan = provisioning::scan::inspector_scans(&lab.world, None, TIMEOUT).await;
        assert!(scan.answer.rows.len() > 50, "{} rows", scan.answer.rows.len());
        assert_eq!(
            lab.calls("inspector2.CreateCisScanConfiguration"),
            1,
            "two at once would both end with zero checks"
        );
        lab.assert_empty().await;
    });
}

#[test]
fn a_create_call_in_flight_is_answered_and_recorded_when_the_run_is_stopped() {
    simulated(|| async {
        let slow = "name: slow\nfaults:\n  - latency: {milliseconds: 300, operation: CreateStack}\n";
        let lab = Lab::with(Scenario::parse("slow", slow).unwrap()).await;
        provisioning::a_create_call_in_flight_is_recorded(&lab.world, || lab.calls("cloudformation.CreateStack") > 0)
            .await;
        lab.assert_empty().await;
    });
}

#[test]
fn inspector_answers_every_control_and_its_own_reports_are_kept() {
    simulated(|| async {
        let lab = Lab::with(Scenario::default()).await;
        let scan = provisioning::scan::inspector_scans(&lab.world, None, TIMEOUT).await;
        let rows = &scan.answer.rows;
        assert!(rows.len() > 50, "{} rows", rows.len());
        assert!(rows.iter().all(|row| row.check.as_str().starts_with("os-cis/cis-al2023-1.0.0/")));
        let record = &scan.answer.scans[0];
        assert_eq!(record.benchmark.as_ref().map(ToString::to_string).as_deref(), Some("cis-al2023-1.0.0"));
        assert_eq!(record.expected, Some(rows.len()), "the scan's own count and the rows agree");
        let begins: Vec<(&str, &str)> = scan.files.iter().map(|(name, begin)| (name.as_str(), &begin[..8])).collect();
        assert_eq!(begins, [("inspector-report.csv", "Account "), ("inspector-report.pdf", "%PDF-1.4")]);
        let kept: Vec<_> = scan.evidence("own report").iter().map(|evidence| evidence.file.clone().unwrap()).collect();
        assert_eq!(kept, ["evidence/al2023-l1/inspector-report.csv", "evidence/al2023-l1/inspector-report.pdf"]);
        lab.assert_empty().await;
    });
}

#[test]
fn a_scan_that_evaluated_nothing_is_never_green_and_says_why() {
    simulated(|| async {
        let table = [
            ("scan-zero-checks", "COMPLETED with 0 checks"),
            ("scan-timed-out", "its scan timed out"),
            ("scan-ssm-unmanaged", "SSM does not manage it"),
            ("scan-unsupported-os", "no CIS benchmark for its operating system"),
            ("endless-pages", "repeats its page tokens"),
        ];
        for (name, part) in table {
            let lab = Lab::with(scenario(name)).await;
            let scan = provisioning::scan::inspector_scans(&lab.world, None, TIMEOUT).await;
            assert!(scan.reason().contains(part), "{name}: {}", scan.reason());
            assert_eq!(scan.answer.scans[0].benchmark, None, "{name}: nothing was judged");
            lab.assert_empty().await;
        }
    });
}

#[test]
fn a_scan_without_an_end_is_given_up_and_says_so() {
    simulated(|| async {
        let lab = Lab::with(Scenario::parse("stuck", "name: stuck\nfaults: [{stuckScan: {}}]").unwrap()).await;
        let scan = provisioning::scan::inspector_scans(&lab.world, None, Duration::from_secs(2)).await;
        assert!(scan.reason().contains("the scan was still IN_PROGRESS after"), "{}", scan.reason());
        lab.assert_empty().await;
    });
}

#[test]
fn what_a_scan_needs_is_asked_for_before_it_is_started() {
    simulated(|| async {
        let lab = Lab::with(Scenario::default()).await;
        let scan =
            provisioning::scan::inspector_scans(&lab.world, Some("AmazonInspector2ManagedCisPolicy"), TIMEOUT).await;
        let reason = scan.reason();
        assert!(
            reason.contains("is not allowed to report CIS results to Inspector: `aws iam attach-role-policy"),
            "{reason}"
        );
        lab.assert_empty().await;
    });
}

#[test]
fn a_report_that_nobody_should_fetch_is_not_fetched_and_the_results_stand() {
    simulated(|| async {
        let table = [
            ("report-redirects", "redirects with 307 to https://reports.example.net"),
            ("report-endless", "more than 67108864 bytes"),
            ("report-stalls", "did not finish within"),
        ];
        for (name, part) in table {
            let lab = Lab::with(scenario(name)).await;
            let scan = provisioning::scan::inspector_scans(&lab.world, None, TIMEOUT).await;
            assert!(scan.answer.rows.len() > 50, "{name}");
            let actual = scan.evidence("own report");
            assert_eq!(actual.len(), 2, "{name}");
            assert!(
                actual.iter().all(|evidence| evidence.file.is_none() && evidence.text.contains(part)),
                "{name}: {actual:?}"
            );
            assert!(scan.files.is_empty(), "{name}: {:?}", scan.files);
            lab.assert_empty().await;
        }
    });
}
