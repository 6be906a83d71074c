//! Every technique against every role: first the control, then the role's confinement, then root
//! under the kernel's policy alone; each judged by the wire, each with what stopped it.

use std::time::{Duration, Instant};

use nix::sys::signalfd::SignalFd;
use prxy_common::{Event, Hook, Reason, Role, Verdict};

use super::attempt::{self, Confinement, Descriptors, Rights, Said};
use super::conversation::Conversations;
use super::frame::{Packet, TCP, UDP};
use super::ground::{NAMESERVER, PROVIDER, PROVIDER_PORT, PROVIDER_V6};
use super::judge::{Destination, is_probe, only};
use super::neighbours::Neighbours;
use super::report::{Control, Outcome, Row, Stopped};
use super::scratch::{Scratch, cgroup_root};
use super::technique::{Aid, Aim, AsRoot, Judge, Layer, MISSING, Presence, Technique};
use super::world::World;
use super::{Options, VerifyError};
use crate::sys::clone::Network;
use crate::sys::random;
use crate::warden::During;
use crate::warden::plan::Plan;

/// Everything that a run needs. Fields end in their order: processes and cgroups first.
pub(super) struct Battery<'a> {
    scratch: Scratch,
    /// Where controls are made, and single layers tried.
    free: Site,
    /// Where nothing may ever come out that policy does not allow.
    held: Site,
    signals: SignalFd,
    options: &'a Options,
    /// What came out of `held` after its attempt was over.
    late: Vec<String>,
}

struct Site {
    neighbours: Neighbours,
    world: World,
    /// Conversations of earlier tries, which may still be closing.
    old: Conversations,
}

/// What became of one try.
struct Tried {
    said: Said,
    /// What got out, if something did.
    through: Option<String>,
    events: Vec<Event>,
}

impl Site {
    fn new() -> Result<Self, VerifyError> {
        let step = "make a scratch world";
        let world = World::new().during(step)?;
        let neighbours = Neighbours::start(&world).during(step)?;
        Ok(Self { neighbours, world, old: Conversations::default() })
    }

    /// From now on, what has been said so far is old.
    fn forget(&mut self, packets: &[Packet]) -> Result<(), VerifyError> {
        let more = self.world.packets().during(WIRE)?;
        self.old.note(packets.iter().chain(&more));
        Ok(())
    }
}

impl<'a> Battery<'a> {
    /// Makes both worlds and attaches the policy.
    pub(super) fn new(options: &'a Options, signals: SignalFd) -> Result<Self, VerifyError> {
        let (free, held) = (Site::new()?, Site::new()?);
        let scratch = Scratch::make(&held.world)?;
        for site in [&held, &free] {
            site.world.settle().during("wait until the wire is silent")?;
        }
        Ok(Self { scratch, free, held, signals, options, late: Vec::new() })
    }

    /// Tries one technique against all roles that were asked for.
    pub(super) fn technique(&mut self, technique: &Technique) -> Result<Vec<Row>, VerifyError> {
        let (control, patience) = self.control(technique)?;
        let mut rows = Vec::new();
        let wanted = |role: &&Role| self.options.role.is_none_or(|one| one == **role);
        let roles: Vec<Role> = ROLES.iter().filter(wanted).copied().collect();
        // What is left of the front is a listener: no process lives there.
        for role in roles.iter().filter(|role| **role != Role::Front) {
            rows.push(self.confined(technique, *role, &control, patience)?);
        }
        for role in &roles {
            rows.push(self.as_root(technique, *role, &control, patience)?);
        }
        Ok(rows)
    }

    /// What has come out of the held world too late to be anyone's, and what was lost.
    pub(super) fn finish(mut self) -> Result<Vec<String>, VerifyError> {
        std::thread::sleep(LAST_FRAMES);
        self.note_late("the last attempt")?;
        for site in [&self.held, &self.free] {
            let lost = site.world.lost_frames().during("ask the sniffer")?;
            if lost > 0 {
                self.late.push(format!("the sniffer lost {lost} frames"));
            }
        }
        if !self.scratch.holds() {
            self.late.push("the policy was detached during the run".to_owned());
        }
        Ok(self.late)
    }

    /// With nothing in its way it must get through; how long confined attempts may take then.
    fn control(&mut self, technique: &Technique) -> Result<(Control, Duration), VerifyError> {
        let plan = unheld(Role::Unknown);
        let began = Instant::now();
        let tried =
            self.free(technique, &plan, Rights::All, Descriptors::Open, CONTROL_PATIENCE)?;
        let patience = (began.elapsed() * 3).clamp(PATIENCE, CONTROL_PATIENCE);
        let missing = matches!(&tried.said, Said::Failed { code, .. } if MISSING.contains(code));
        let control = match (tried.through, technique.presence) {
            (Some(how), _) => Control::GotThrough(how),
            (None, Presence::Optional) if missing => {
                Control::Unavailable(tried.said.errno().unwrap_or_default())
            }
            (None, _) => Control::Failed(tried.said.describe()),
        };
        Ok((control, patience))
    }

    /// The role's exact confinement.
    fn confined(
        &mut self,
        technique: &Technique,
        role: Role,
        control: &Control,
        patience: Duration,
    ) -> Result<Row, VerifyError> {
        let row = Row::new(technique, role, "user", control);
        if let Some((_, why)) = technique.open_to.filter(|(open, _)| *open == role) {
            return Ok(row.ended(Outcome::NotPromised(why)));
        }
        if !matches!(control, Control::GotThrough(_)) {
            return Ok(row.ended(Outcome::Unavailable));
        }
        let plan = self.without(self.scratch.plan(role));
        let tried =
            self.held(technique, role, &plan, Rights::None, Descriptors::Closed, patience)?;
        let stopped = match (&tried.through, stopped_by_kernel(&tried.events)) {
            (Some(_), _) => None,
            (None, Some(stopped)) => Some(stopped),
            (None, None) => self.single_layer(technique, &plan, &tried.said, patience)?,
        };
        Ok(row.tried(&tried.said, tried.through, stopped))
    }

    /// Root with every right, held by the role's cgroup and namespaces alone.
    fn as_root(
        &mut self,
        technique: &Technique,
        role: Role,
        control: &Control,
        patience: Duration,
    ) -> Result<Row, VerifyError> {
        let row = Row::new(technique, role, "root", control);
        let network = self.scratch.plan(role).network;
        match technique.as_root {
            AsRoot::OnlyInNamespace(_) if network == Network::Empty => {}
            AsRoot::NotPromised(why) | AsRoot::OnlyInNamespace(why) => {
                return Ok(row.ended(Outcome::NotPromised(why)));
            }
            AsRoot::Stopped => {}
        }
        if let Some((_, why)) = technique.open_to.filter(|(open, _)| *open == role) {
            return Ok(row.ended(Outcome::NotPromised(why)));
        }
        if !matches!(control, Control::GotThrough(_)) {
            return Ok(row.ended(Outcome::Unavailable));
        }
        let plan = self.without(Plan { network, ..unheld(role) });
        let tried = self.held(technique, role, &plan, Rights::All, Descriptors::Open, patience)?;
        let stopped = match (&tried.through, stopped_by_kernel(&tried.events)) {
            (Some(_), _) => None,
            (None, Some(stopped)) => Some(stopped),
            (None, None) => {
                let plan = Plan { network, ..unheld(role) };
                self.alone(technique, Layer::Namespace, &plan, &tried.said, patience)?
            }
        };
        Ok(row.tried(&tried.said, tried.through, stopped))
    }

    /// Which layer gives the same refusal all by itself; asked in the order of the kernel.
    fn single_layer(
        &mut self,
        technique: &Technique,
        plan: &Plan,
        said: &Said,
        patience: Duration,
    ) -> Result<Option<Stopped>, VerifyError> {
        let order = match technique.aid {
            Aid::Given(_) => &[Layer::Descriptors, Layer::Seccomp][..],
            _ => &[Layer::Seccomp, Layer::Landlock, Layer::Namespace, Layer::Permission],
        };
        for layer in order {
            if let Some(found) = self.alone(technique, *layer, plan, said, patience)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    fn alone(
        &mut self,
        technique: &Technique,
        layer: Layer,
        plan: &Plan,
        said: &Said,
        patience: Duration,
    ) -> Result<Option<Stopped>, VerifyError> {
        let mut one = unheld(plan.role);
        let (mut rights, mut descriptors) = (Rights::All, Descriptors::Open);
        match layer {
            Layer::Seccomp if plan.profile.is_some() => one.profile = plan.profile,
            Layer::Landlock if plan.reach.is_some() => one.reach.clone_from(&plan.reach),
            Layer::Namespace if plan.network != Network::Inherit => one.network = plan.network,
            Layer::Permission | Layer::Capability => {
                one.user = plan.user;
                rights = Rights::None;
            }
            Layer::Descriptors => descriptors = Descriptors::Closed,
            _ => return Ok(None),
        }
        let tried = self.free(technique, &one, rights, descriptors, patience)?;
        // A call that was refused has sent nothing: a frame seen then is another attempt's.
        let refused = matches!(said, Said::Failed { .. });
        if tried.said != *said || (!refused && tried.through.is_some()) {
            return Ok(None);
        }
        let layer = match (layer, said) {
            (Layer::Permission, Said::Failed { code: libc::EPERM, .. }) => Layer::Capability,
            (layer, _) => layer,
        };
        let detail = said.call().unwrap_or("nothing came out").to_owned();
        Ok(Some(Stopped { layer, detail, how: "alone" }))
    }

    /// One try where nothing but `plan` holds.
    fn free(
        &mut self,
        technique: &Technique,
        plan: &Plan,
        rights: Rights,
        descriptors: Descriptors,
        patience: Duration,
    ) -> Result<Tried, VerifyError> {
        let aim = self.aim(patience)?;
        self.free.forget(&[])?;
        let site = &self.free;
        site.neighbours.aid(technique.aid, &aim).during("ask the neighbours")?;
        let cgroup = self.scratch.free()?;
        let netns = &site.world.inside;
        let from = Confinement { plan, rights, descriptors, cgroup, netns };
        let token = aim.token.clone();
        let said = attempt::run(technique, &from, aim, &self.signals)?;
        let mut packets = frames(&site.world, technique, &said)?;
        packets.retain(|packet| !site.old.know(packet) || packet.contains(token.as_bytes()));
        let through = judge(technique, &packets, &token, &said, &allowed(None));
        site.neighbours.rest().during("ask the neighbours")?;
        self.free.forget(&packets)?;
        Ok(Tried { said, through, events: Vec::new() })
    }

    /// One try under the policy.
    fn held(
        &mut self,
        technique: &Technique,
        role: Role,
        plan: &Plan,
        rights: Rights,
        descriptors: Descriptors,
        patience: Duration,
    ) -> Result<Tried, VerifyError> {
        self.note_late(technique.name)?;
        self.scratch.events();
        let aim = self.aim(patience)?;
        let site = &self.held;
        site.neighbours.aid(technique.aid, &aim).during("ask the neighbours")?;
        let cgroup = match self.options.without {
            Some(Layer::Cgroup) => self.scratch.free()?,
            _ => self.scratch.group(role)?,
        };
        let netns = &site.world.inside;
        let from = Confinement { plan, rights, descriptors, cgroup, netns };
        let token = aim.token.clone();
        let said = attempt::run(technique, &from, aim, &self.signals)?;
        let mut packets = frames(&site.world, technique, &said)?;
        let is_given = matches!(technique.aid, Aid::Given(_));
        if is_given {
            // The battery itself made that connection: only what the attempt has sent counts.
            std::thread::sleep(LAST_WORDS);
            packets.extend(site.world.packets().during(WIRE)?);
        }
        let counts = |packet: &&Packet| {
            packet.contains(token.as_bytes()) || !(is_given || site.old.is_echo(packet))
        };
        let counted: Vec<Packet> = packets.iter().filter(counts).cloned().collect();
        let through = judge(technique, &counted, &token, &said, &allowed(Some(role)));
        site.neighbours.rest().during("ask the neighbours")?;
        let denied = |event: &Event| {
            u32::from(event.role) == role.code() && u32::from(event.verdict) == Verdict::Deny.code()
        };
        let events = self.scratch.events().into_iter().filter(denied).collect();
        self.held.old.note(&packets);
        Ok(Tried { said, through, events })
    }

    fn note_late(&mut self, before: &str) -> Result<(), VerifyError> {
        let Site { world, old, .. } = &mut self.held;
        let packets = world.packets().during(WIRE)?;
        let fresh: Vec<_> = packets.iter().filter(|one| !old.is_echo(one)).cloned().collect();
        old.note(&packets);
        // Whose they are is not known here: what any role may send is no surprise.
        let judged = only(&fresh, &allowed(None));
        let probes = judged.noise.iter().filter(|packet| is_probe(packet));
        for packet in judged.unexpected.iter().chain(probes) {
            self.late.push(format!("before {before}: {packet}"));
        }
        Ok(())
    }

    fn aim(&self, patience: Duration) -> Result<Aim, VerifyError> {
        let number = u64::from_ne_bytes(random::bytes().during("make a token")?);
        Ok(Aim {
            token: format!("tk{number:016x}"),
            cgroup_root: cgroup_root()?,
            scratch: self.scratch.open_dir(),
            patience,
            given: -1,
        })
    }

    /// What `--without` asks to leave out.
    fn without(&self, mut plan: Plan) -> Plan {
        match self.options.without {
            Some(Layer::Seccomp) => plan.profile = None,
            Some(Layer::Landlock) => plan.reach = None,
            Some(Layer::Namespace) => plan.network = Network::Inherit,
            _ => {}
        }
        plan
    }
}

/// A plan that holds nothing.
fn unheld(role: Role) -> Plan {
    Plan { role, network: Network::Inherit, user: None, reach: None, profile: None }
}

/// What came out; frames may still be on their way through the far end's queue.
fn frames(world: &World, technique: &Technique, said: &Said) -> Result<Vec<Packet>, VerifyError> {
    let mut packets = world.packets().during(WIRE)?;
    // A call that was refused at once has sent nothing; whatever comes later is noted as late.
    if technique.judge == Judge::Wire && *said == Said::Done {
        let deadline = Instant::now() + SETTLE;
        while packets.is_empty() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(2));
            packets.extend(world.packets().during(WIRE)?);
        }
    }
    Ok(packets)
}

/// What got out, if anything did.
fn judge(
    technique: &Technique,
    packets: &[Packet],
    token: &str,
    said: &Said,
    allowed: &[Destination],
) -> Option<String> {
    let judged = only(packets, allowed);
    let carrier = packets.iter().find(|packet| packet.contains(token.as_bytes()));
    let probe = judged.noise.iter().find(|packet| is_probe(packet));
    let frame = carrier.or(judged.unexpected.first()).or(probe);
    match (frame, technique.judge, said) {
        (Some(frame), ..) => Some(frame.to_string()),
        (None, Judge::Calls, Said::Done) => Some("every call succeeded".to_owned()),
        _ => None,
    }
}

/// The hook and the reason of the last denial that the kernel has reported.
fn stopped_by_kernel(events: &[Event]) -> Option<Stopped> {
    let event = events.last()?;
    let hook = Hook::from_code(event.hook.into())?.name();
    let reason = Reason::from_code(event.reason.into())?.name();
    Some(Stopped { layer: Layer::Cgroup, detail: format!("{hook} {reason}"), how: "kernel-event" })
}

/// Where a role may send; for no role, where any of them may.
fn allowed(role: Option<Role>) -> Vec<Destination> {
    let mut allowed = Vec::new();
    if role.is_none_or(|role| role == Role::Netgate) {
        allowed.extend([PROVIDER, PROVIDER_V6].map(|ip| (TCP, ip, PROVIDER_PORT)));
    }
    if role.is_none_or(|role| role == Role::Resolver) {
        allowed.extend([UDP, TCP].map(|protocol| (protocol, NAMESERVER, 53)));
    }
    allowed
}

/// The roles, in the order in which they are tried.
const ROLES: [Role; 6] =
    [Role::Gateway, Role::Broker, Role::Netgate, Role::Resolver, Role::Warden, Role::Front];

const WIRE: &str = "read the wire";
const CONTROL_PATIENCE: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_millis(150);
const SETTLE: Duration = Duration::from_millis(20);
const LAST_WORDS: Duration = Duration::from_millis(20);
const LAST_FRAMES: Duration = Duration::from_millis(300);
