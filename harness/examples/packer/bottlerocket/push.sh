#!/usr/bin/env bash
# Builds the bootstrap container and pushes it to a repository of Amazon ECR, unless the same content is there already. Prints its
# reference by digest and, with a third argument, writes it into that file of user data.
#
#   push.sh 111122223333.dkr.ecr.us-west-2.amazonaws.com/bottlerocket-cis-bootstrap [FOLDER [USER_DATA]]
#
# DOCKER names another program than docker (podman, finch); PLATFORM another platform than linux/amd64.
set -euo pipefail

fail() {
  echo "error: $1" >&2
  echo "  = help: $2" >&2
  exit 2
}

repository=${1:-}
folder=${2:-$(dirname "$0")}
user_data=${3:-}
docker=${DOCKER:-docker}
platform=${PLATFORM:-linux/amd64}

form='^([0-9]{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com(\.cn)?/([a-z0-9._/-]+)$'
[[ $repository =~ $form ]] ||
  fail "'$repository' is not a repository of ECR" "name one: 111122223333.dkr.ecr.us-west-2.amazonaws.com/bottlerocket-cis-bootstrap"
account=${BASH_REMATCH[1]} region=${BASH_REMATCH[2]} name=${BASH_REMATCH[4]}
for tool in "$docker" aws sha256sum; do
  command -v "$tool" > /dev/null || fail "$tool is not installed" "install it, or name another program with DOCKER="
done
for file in Dockerfile bootstrap.sh; do
  [ -f "$folder/$file" ] || fail "$folder has no $file" "copy harness/examples/packer/bottlerocket, and name the copy"
done
if [ -n "$user_data" ]; then
  grep -q "^source = \".*/$name@sha256:[0-9a-f]\{64\}\"" "$user_data" ||
    fail "$user_data names no image of $name by its digest" "give a bootstrap container the line: source = \"$repository@sha256:<64 digits>\""
fi

# The tag is a digest of what the image is made of, so that the same content is pushed once, also to a repository with immutable tags.
tag=$(cd "$folder" && printf '%s\n' "$platform" | cat - Dockerfile bootstrap.sh | sha256sum | cut -c 1-12)
known() {
  aws ecr describe-images --region "$region" --registry-id "$account" --repository-name "$name" --image-ids imageTag="$tag" \
    --query 'imageDetails[0].imageDigest' --output text
}
if ! said=$(known 2>&1); then
  case $said in
  *ImageNotFoundException*) said= ;;
  *RepositoryNotFoundException*)
    fail "there is no repository $name in $region" "create it: aws ecr create-repository --region $region --repository-name $name --image-tag-mutability IMMUTABLE"
    ;;
  *) fail "the repository cannot be read: $said" "the credentials need ecr:DescribeImages" ;;
  esac
fi
if [ -z "$said" ]; then
  aws ecr get-login-password --region "$region" | "$docker" login --username AWS --password-stdin "${repository%%/*}" >&2
  "$docker" build --platform "$platform" --tag "$repository:$tag" "$folder" >&2
  "$docker" push "$repository:$tag" >&2
  said=$(known)
else
  echo "this content was pushed before" >&2
fi
[[ $said =~ ^sha256:[0-9a-f]{64}$ ]] || fail "ECR names no digest of $repository:$tag" "see the lines above"
if [ -n "$user_data" ]; then
  # Whatever kind of registry the line named before, it names this one now.
  sed -i.bak "s|^source = \".*/$name@sha256:[0-9a-f]\{64\}\"|source = \"$repository@$said\"|" "$user_data"
  rm -f "$user_data.bak"
fi
echo "$repository@$said"
