# Hardens the EKS-optimised image of Amazon Linux 2023 with the role AMAZON2023-CIS of ansible-lockdown. `amiproof build` runs it:
#
#   - name: al2023-l1
#     family: al2023
#     reference: al2023
#     hardening: {benchmark: cis-al2023-1.0.0, level: 1}
#     ami: {packerManifest: build/al2023-l1.json}
#     build:
#       template: packer/al2023
#       only: amazon-ebs.al2023
#       variables: {level: "1", kubernetes_version: "1.35", region: us-west-2, manifest: build/al2023-l1.json}
#       parameter: /cis_ami/al2023/level1/image_id
#
# What breaks workloads is left out by exclusions.yml: `amiproof exclusions --variant al2023-l1 --output ansible-lockdown` writes it.

packer {
  required_plugins {
    amazon = {
      source  = "github.com/hashicorp/amazon"
      version = ">= 1.3.0"
    }
    ansible = {
      source  = "github.com/hashicorp/ansible"
      version = ">= 1.1.0"
    }
  }
}

variable "level" {
  type        = string
  description = "CIS level: 1 or 2."
  validation {
    condition     = contains(["1", "2"], var.level)
    error_message = "The level must be 1 or 2."
  }
}

variable "kubernetes_version" {
  type        = string
  description = "Minor version of the kubelet in the image, such as 1.35."
}

variable "region" {
  type        = string
  description = "AWS region of the base image and of the new one."
}

variable "manifest" {
  type        = string
  description = "The file of ami.packerManifest, relative to the matrix file."
}

variable "architecture" {
  type    = string
  default = "x86_64"
}

variable "instance_type" {
  type    = string
  default = "m6i.large"
}

variable "subnet_id" {
  type        = string
  default     = null
  description = "A subnet with a way to the internet; the default VPC without one."
}

variable "kms_key_id" {
  type        = string
  default     = null
  description = "The key that encrypts the image's volumes; that of the account for EBS without one."
}

data "amazon-parameterstore" "base" {
  name   = "/aws/service/eks/optimized-ami/${var.kubernetes_version}/amazon-linux-2023/${var.architecture}/standard/recommended/image_id"
  region = var.region
}

locals {
  # A level 2 image meets both levels; the role selects controls by these tags.
  tags = var.level == "1" ? "always,level1-server" : "always,level1-server,level2-server"
  name = "eks-al2023-cis-l${var.level}-${var.kubernetes_version}-${formatdate("YYYYMMDD-hhmmss", timestamp())}"
}

source "amazon-ebs" "al2023" {
  ami_name        = local.name
  ami_description = "EKS-optimised Amazon Linux 2023 for Kubernetes ${var.kubernetes_version}, hardened to CIS level ${var.level}"
  source_ami      = data.amazon-parameterstore.base.value
  region          = var.region
  instance_type   = var.instance_type
  subnet_id       = var.subnet_id
  encrypt_boot    = true
  kms_key_id      = var.kms_key_id
  imds_support    = "v2.0"
  communicator    = "ssh"
  ssh_username    = "ec2-user"

  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  tags = {
    Name      = local.name
    BaseImage = "{{ .SourceAMI }}"
    CisLevel  = var.level
  }
  run_tags = {
    Name = "packer-${local.name}"
  }
}

build {
  sources = ["source.amazon-ebs.al2023"]

  provisioner "ansible" {
    playbook_file = "${path.root}/harden.yml"
    galaxy_file   = "${path.root}/requirements.yml"
    user          = "ec2-user"
    use_proxy     = false
    extra_arguments = [
      "--tags", local.tags,
      "--extra-vars", "@${path.root}/exclusions.yml",
    ]
  }

  # The node must get a machine id, host keys and agent state of its own. By now /tmp is mounted noexec, so that the script is read by a shell.
  provisioner "shell" {
    execute_command = "sudo sh {{ .Path }}"
    inline = [
      "rm -f /etc/ssh/ssh_host_*",
      "truncate -s 0 /etc/machine-id",
      "rm -rf /var/lib/cloud/instances /var/lib/amazon/ssm/*",
      "rm -f /root/.ssh/authorized_keys /home/ec2-user/.ssh/authorized_keys",
    ]
  }

  post-processor "manifest" {
    output     = var.manifest
    strip_path = true
    custom_data = {
      base  = data.amazon-parameterstore.base.value
      level = var.level
    }
  }
}
