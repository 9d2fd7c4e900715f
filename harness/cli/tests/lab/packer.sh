#!/bin/sh
# Packer runs itself in a child: the outer process passes TERM on, and INT not. The inner one cleans up at the first signal and gives up at
# the second.
if [ -z "$PACKER_WRAP_COOKIE" ]; then
  export PACKER_WRAP_COOKIE=1
  trap '' INT
  "$0" "$@" &
  inner=$!
  trap 'kill -TERM $inner' TERM
  # An ignored signal cannot be trapped again: the child starts with INT ignored, as after exec.
  wait $inner
  code=$?
  while kill -0 $inner 2> /dev/null; do wait $inner; code=$?; done
  exit $code
fi
echo "$@" >> "$FAKE/calls"
echo "profile=$AWS_PROFILE endpoint=$AWS_ENDPOINT_URL region=$AWS_REGION" >> "$FAKE/accounts"
case $1 in
  version) echo "Packer v1.11.2" ;;
  init) [ "$2" != broken.pkr.hcl ] || { echo "Error: Missing plugin source" >&2; exit 1; } ;;
  validate) echo "The configuration is valid." ;;
  build)
    cancel() {
      count=$((count + 1))
      echo "Cancelling build after receiving terminated" >&2
      [ "$count" = 1 ] || { echo "Error: second signal, the instance stays" >&2; exit 1; }
    }
    count=0
    trap cancel TERM
    echo "==> amazon-ebs.al2023: Launching a source AWS instance..."
    for template in "$@"; do :; done
    case $template in
      slow.pkr.hcl)
        touch "$FAKE/started"
        until [ "$count" -gt 0 ]; do sleep 0.1; done
        for again in 1 2 3 4 5; do sleep 0.1; done
        echo "==> amazon-ebs.al2023: Terminating the source AWS instance..."
        echo "Cleanly cancelled builds after being interrupted."
        exit 1 ;;
      failing.pkr.hcl)
        echo "==> amazon-ebs.al2023: Error: Script exited with non-zero exit status: 1" >&2
        exit 1 ;;
      silent.pkr.hcl) exit 0 ;;
    esac
    run=$(date +%s%N)
    echo "{\"builds\": [{\"name\": \"al2023\", \"builder_type\": \"amazon-ebs\", \"build_time\": 1, \"files\": null, \"artifact_id\": \"us-west-2:$IMAGE\", \"packer_run_uuid\": \"$run\", \"custom_data\": null}], \"last_run_uuid\": \"$run\"}" > manifest.json
    echo "--> amazon-ebs.al2023: AMIs were created: us-west-2: $IMAGE" ;;
esac
