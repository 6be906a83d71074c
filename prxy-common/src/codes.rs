//! Closed sets of small numbers that cross the kernel boundary, and their public names.

macro_rules! codes {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $code:literal $text:literal,)+ }) => {
        $(#[$meta])*
        #[repr(u32)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$doc])* $variant = $code,)+ }

        impl $name {
            /// Every value, in the order of its code.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The value of a code that came over the boundary.
            #[inline(always)]
            pub const fn from_code(code: u32) -> Option<Self> {
                match code { $($code => Some(Self::$variant),)+ _ => None }
            }

            /// The code that crosses the boundary.
            #[inline(always)]
            pub const fn code(self) -> u32 { self as u32 }

            /// The stable name in logs, metrics and the audit log.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }
    };
}

codes! {
    /// Whose socket it is: the cgroup in which the socket was created.
    Role {
        /// Not one of ours although below our cgroup: may do nothing.
        Unknown = 0 "unknown",
        /// Supervises; no network.
        Warden = 1 "warden",
        /// Resolves the configured names; DNS to the nameservers only.
        Resolver = 2 "resolver",
        /// Dials providers; TCP to the allowlist only.
        Netgate = 3 "netgate",
        /// Holds keys and TLS; no network of its own.
        Broker = 4 "broker",
        /// Holds raw text; no network.
        Gateway = 5 "gateway",
        /// The listener that clients connect to, and what it accepted.
        Front = 6 "front",
    }
}

codes! {
    /// Where in the kernel a decision was made.
    Hook {
        /// `cgroup_skb/egress`, every packet that leaves.
        Egress = 0 "egress",
        /// `cgroup_skb/ingress`, every packet that reaches a socket.
        Ingress = 1 "ingress",
        /// `cgroup/connect4`.
        Connect4 = 2 "connect4",
        /// `cgroup/connect6`.
        Connect6 = 3 "connect6",
        /// `cgroup/sendmsg4`.
        Sendmsg4 = 4 "sendmsg4",
        /// `cgroup/sendmsg6`.
        Sendmsg6 = 5 "sendmsg6",
        /// `cgroup/sock_create`.
        SockCreate = 6 "sock-create",
        /// `cgroup/bind4`.
        Bind4 = 7 "bind4",
        /// `cgroup/bind6`.
        Bind6 = 8 "bind6",
        /// `cgroup/setsockopt`.
        Setsockopt = 9 "setsockopt",
    }
}

codes! {
    /// What became of it.
    Verdict {
        /// Nothing left.
        Deny = 0 "deny",
        /// It went on.
        Allow = 1 "allow",
        /// It went on although policy denies it: the airgap is in log-only mode.
        WouldDeny = 2 "would-deny",
    }
}

impl Reason {
    /// Whether it is a reason to let something go on.
    pub const fn allows(self) -> bool {
        matches!(self, Self::Allowlisted | Self::Draining | Self::Listener)
    }
}

codes! {
    /// Why: stable names, public API.
    Reason {
        /// On the role's allowlist.
        Allowlisted = 0 "allowlisted",
        /// An admitted flow of an older generation, until the drain time.
        Draining = 1 "draining",
        /// The listener's own traffic.
        Listener = 2 "listener",
        /// The role has no network.
        RoleWithoutNetwork = 3 "role-without-network",
        /// Address and port are not on the role's allowlist.
        NotAllowlisted = 4 "not-allowlisted",
        /// Not TCP, or for the resolver not TCP or UDP.
        Protocol = 5 "protocol",
        /// IP options, extension headers, fragments or an unreadable header.
        PacketShape = 6 "packet-shape",
        /// The socket never passed a connect hook.
        FlowNotAdmitted = 7 "flow-not-admitted",
        /// The packet's addresses are not those that the socket was admitted for.
        FlowMismatch = 8 "flow-mismatch",
        /// This family or type of socket may not be created by the role.
        SocketType = 9 "socket-type",
        /// Datagrams with an address of their own are never sent.
        Sendmsg = 10 "sendmsg",
        /// Binding is not allowed.
        Bind = 11 "bind",
        /// This socket option is not allowed.
        SocketOption = 12 "socket-option",
        /// A map could not be read.
        Internal = 13 "internal",
    }
}
