#!/bin/sh
# The INPUT chains of CIS Bottlerocket 3.4.1 and 3.4.2: loopback is trusted and not spoofed, what was asked for is let in, the rest is dropped. A node of EKS
# must still answer the control plane on 10250, and NodePorts and health checks; what is forwarded is the pod network's, and stays.
set -eu

for tables in iptables ip6tables; do
  loopback=127.0.0.0/8
  [ "$tables" = iptables ] || loopback=::1
  $tables -w 5 -F INPUT
  $tables -w 5 -A INPUT -i lo -j ACCEPT
  $tables -w 5 -A INPUT -s "$loopback" -j DROP
  $tables -w 5 -A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
  $tables -w 5 -A INPUT -p tcp --dport 10250 -j ACCEPT
  $tables -w 5 -A INPUT -p tcp --dport 30000:32767 -j ACCEPT
  $tables -w 5 -A INPUT -p udp --dport 30000:32767 -j ACCEPT
  # Pods of the node: Pod Identity, NodeLocal DNS, probes.
  $tables -w 5 -A INPUT -i eni+ -j ACCEPT
  if [ "$tables" = ip6tables ]; then
    # Neighbours are found by ICMPv6, and the address is renewed by DHCPv6, whose answers connection tracking does not know.
    $tables -w 5 -A INPUT -p ipv6-icmp -j ACCEPT
    $tables -w 5 -A INPUT -p udp --dport 546 -s fe80::/10 -j ACCEPT
  fi
  $tables -w 5 -P INPUT DROP
done
