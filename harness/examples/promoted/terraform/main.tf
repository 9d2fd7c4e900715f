# A managed node group of the image that was promoted last. `terraform plan` fails while nothing is promoted, because a
# revocation without a successor deletes the parameter.

terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

variable "cluster_name" {
  type = string
}

variable "node_role_arn" {
  type = string
}

variable "subnet_ids" {
  type = list(string)
}

variable "parameter" {
  description = "The parameter that amiproof promote writes: /amiproof/MATRIX/VARIANT/image-id"
  type        = string
  default     = "/amiproof/nightly/golden/image-id"
}

data "aws_eks_cluster" "this" {
  name = var.cluster_name
}

data "aws_ssm_parameter" "image" {
  name = var.parameter
}

# The parameter could name an image that was revoked by other means than amiproof: this refuses it.
data "aws_ami" "promoted" {
  owners = ["self"]

  filter {
    name   = "image-id"
    values = [nonsensitive(data.aws_ssm_parameter.image.value)]
  }

  filter {
    name   = "tag:amiproof:status"
    values = ["promoted"]
  }
}

resource "aws_launch_template" "golden" {
  name_prefix            = "golden-"
  image_id               = data.aws_ami.promoted.id
  update_default_version = true

  metadata_options {
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  # An image of one's own gets no user data from EKS: this is what nodeadm needs, in the same form in which amiproof tested it.
  user_data = base64encode(<<-EOT
    MIME-Version: 1.0
    Content-Type: multipart/mixed; boundary="//"

    --//
    Content-Type: application/node.eks.aws

    apiVersion: node.eks.aws/v1alpha1
    kind: NodeConfig
    spec:
      cluster:
        name: ${data.aws_eks_cluster.this.name}
        apiServerEndpoint: ${data.aws_eks_cluster.this.endpoint}
        certificateAuthority: ${data.aws_eks_cluster.this.certificate_authority[0].data}
        cidr: ${data.aws_eks_cluster.this.kubernetes_network_config[0].service_ipv4_cidr}
    --//--
  EOT
  )

  tag_specifications {
    resource_type = "instance"
    tags = {
      Name                    = "golden"
      "amiproof:tested-by-run" = data.aws_ami.promoted.tags["amiproof:tested-by-run"]
    }
  }
}

resource "aws_eks_node_group" "golden" {
  cluster_name    = var.cluster_name
  node_group_name = "golden"
  node_role_arn   = var.node_role_arn
  subnet_ids      = var.subnet_ids

  launch_template {
    id      = aws_launch_template.golden.id
    version = aws_launch_template.golden.latest_version
  }

  scaling_config {
    min_size     = 1
    desired_size = 2
    max_size     = 6
  }

  update_config {
    max_unavailable = 1
  }
}
