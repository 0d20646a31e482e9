/**
 * The files that `control example` writes.
 * @module
 */

/** An example of a controller file, with two hosts. */
export const EXAMPLE_CONTROLLER_FILE =
  `# Controller file: the daemons, and how they and their hosts are reached.
daemonlist:
  svr1:
    # The Daemon API of \`myikev2 daemon\` on that host.
    daemonaddr: 192.0.2.1
    daemonport: 12240
    # With tlsca the daemon is asked over TLS; tlscert and tlskey are the controller's own.
    tlsca: ""
    tlscert: ""
    tlskey: ""
    # Where setupcmds and cleancmds run, by the system's ssh. Empty: daemonaddr, and what ssh decides.
    sshaddr: 192.0.2.1
    sshport: 22
    sshuser: root
    # A key or an agent is safer than a password.
    sshkeypath: ""
    sshpass: ""
    # An ssh_config in place of the user's.
    sshconfigpath: ""
    # Instances have their management addresses here, routed from the controller to that host.
    mgmtaddrprefix: 2001:db8:1::/64
  svr2:
    daemonaddr: 192.0.2.2
    mgmtaddrprefix: 2001:db8:2::/64
# In the commands of recipes these names stand for these values.
varlist:
  "%DIR%": /var/tmp/myikev2
# false: the apilistenaddr of each setup counts; where that is none, the daemon's own prefix.
autoassignmgmtip: true
`;

/** An example of a recipe for the two hosts. */
export const EXAMPLE_RECIPE =
  `# Recipe: a gateway on svr2, a client on svr1, and a capture beside them.
name: a gateway and a client
# Run on the hosts by SSH before everything else; the first command that fails ends the recipe.
setupcmds:
- daemonname: svr1
  cmds: mkdir -p %DIR%
# Run after everything else, whatever came of it.
cleancmds:
- daemonname: svr1
  cmds: rm -rf %DIR%
# Started in the order of their numbers, each after its waitinterval.
instancelist:
  1:
    name: gateway
    daemonname: svr2
    waitinterval: 0s
    myikev2:
      # A setup file beside this one: its bindifname is moved into the instance.
      setuppath: gateway.yaml
      # Directory on svr2; empty: /var/log/myikev2/gateway
      logdir: ""
  2:
    name: client
    daemonname: svr1
    waitinterval: 3s
    myikev2:
      setuppath: client.yaml
      logdir: ""
  3:
    name: capture
    daemonname: svr1
    waitinterval: 0s
    # Any other program, by commands in a network namespace of its own.
    other:
      setupcmds: ip link set eth2 up
      upcmds: tcpdump -i eth2 -w %DIR%/eth2.pcap &
      destroycmds: ""
      dataif: eth2
      dataifaddr: 198.51.100.1/24
`;
