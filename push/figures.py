"""What `/metrics` tells of this process; docs/metrics.md explains each figure."""

from collections import Counter
from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec

from push import metrics
from push.broker.client import BrokerClient
from push.campaigns.runner import Runner as Campaigner
from push.campaigns.stops import Stops
from push.channels.inapp import EventStreams
from push.channels.screen import OpenScreens
from push.confirming import Confirmer
from push.credentials import CredentialBook
from push.deliver.backlog import Backlog
from push.deliver.gates import Reading
from push.deliver.hook_runner import Hooks
from push.deliver.sender import Sender
from push.health.runner import Health
from push.ingest.engine import Engine
from push.model.delivery import Lane
from push.model.ports import Clock
from push.profiles.collect.collecting import Collecting
from push.profiles.segments.runner import Runner as Segments
from push.resealing import Resealer
from push.retaining import Retainer
from push.rewrapping import Rewrapper

MOST_GATES: Final = 100
"""Gates with a line of their own: apps have names that senders may make up. The others share one, ``other``."""

OFF_DB: Final = 6.0
"""A gateway that hears so much more or less than its place explains is worth a look: bodies and shelves give less."""
MOST_OFF: Final = 100
"""Gateways of which that is told, those that are furthest off."""


class Measured(NamedTuple):
    """The parts that are measured; `answered` counts answers by class of status."""

    clock: Clock
    engine: Engine
    sender: Sender
    backlog: Backlog
    credentials: CredentialBook
    client: BrokerClient
    streams: EventStreams
    screens: OpenScreens
    hooks: Hooks
    health: Health
    resealer: Resealer
    rewrapper: Rewrapper
    retainer: Retainer
    collecting: Collecting
    segments: Segments
    confirmer: Confirmer
    campaigner: Campaigner
    templates: Mapping[str, int]
    stops: Stops
    answered: Counter[str]


def figures(of: Measured) -> metrics.Counters:
    """Counters that only grow, and gauges as they stand."""
    return metrics.Counters(
        {
            "footfall_ingest": ("What ingest took in", "what", lambda: of.engine.counts),
            "footfall_ingest_cpu_seconds": ("CPU time of ingest", "step", lambda: of.engine.cpu_s),
            "footfall_refused_payloads": ("Payloads refused", "reason", lambda: of.engine.refused),
            "footfall_deliveries": ("What became of attempts", "outcome", lambda: of.sender.counts),
            "footfall_http_answers": ("Answers by class", "status", lambda: of.answered),
            "footfall_retention_removed": ("Records removed as too old", "kind", lambda: of.retainer.removed),
            "footfall_segment_looks": ("People asked for segments", "why", lambda: of.segments.counts),
            "footfall_campaigns": (
                "What campaigns were asked of their own accord",
                "what",
                lambda: of.campaigner.counts,
            ),
            "footfall_templates": (
                "Texts with loops, by what became of rendering them",
                "outcome",
                lambda: of.templates,
            ),
            "footfall_jobs_failed": ("Passes of jobs that ended before their time", "job", lambda: _failed(of)),
            "footfall_confirmations": (
                "Mails that ask to confirm consent, by what became of them",
                "outcome",
                lambda: of.confirmer.counts,
            ),
            "footfall_hook_posts": ("What became of posts to hooks", "outcome", lambda: of.hooks.counts),
            "footfall_statements": (
                "What became of statements about people",
                "outcome",
                lambda: of.collecting.intake.counts,
            ),
            "footfall_statements_doubted": (
                "What of statements was not believed, or not understood",
                "reason",
                lambda: of.collecting.read_counts,
            ),
            "footfall_consent_answers": (
                "How often people were asked in apps, and what they answered",
                "answer",
                lambda: of.collecting.answers,
            ),
            "footfall_fields_not_learned": (
                "Fields that were not learned because as many are as may",
                "what",
                lambda: {"fields": of.collecting.schemas.beyond},
            ),
            "footfall_broker": ("The broker client", "what", lambda: msgspec.structs.asdict(of.client.counters)),
        },
        {
            "footfall_now": ("Depths and connections", "what", lambda: _now(of)),
            "footfall_queued": ("Deliveries that wait or are on their way", "lane", lambda: _queued(of.backlog)),
            "footfall_gate_width": (
                "Deliveries that may be on their way through a gate",
                "gate",
                lambda: {name: int(gate.width) for name, gate in _gates(of).items()},
            ),
            "footfall_gate_inside": (
                "Deliveries on their way through a gate",
                "gate",
                lambda: {name: gate.inside for name, gate in _gates(of).items()},
            ),
            "footfall_gate_open": (
                "Whether a gate is open",
                "gate",
                lambda: {name: int(gate.is_open) for name, gate in _gates(of).items()},
            ),
            "footfall_hooks": ("Hooks that are posted to", "what", lambda: of.hooks.now),
            "footfall_stops": ("What is silenced", "scope", lambda: _stops(of.stops)),
            "footfall_findings": ("Findings on the fleet's health that stand", "kind", lambda: of.health.counts),
            "footfall_gateway_off_db": (
                "Gateways that hear otherwise than their places explain",
                "gateway",
                lambda: of.engine.learning.off(OFF_DB, MOST_OFF),
            ),
            "footfall_sealed_before": (
                "Secrets still sealed under a former master key",
                "column",
                lambda: of.resealer.left,
            ),
            "footfall_retention_oldest_s": (
                "Seconds since the oldest record of each kind that is kept",
                "kind",
                of.retainer.ages_s,
            ),
            "footfall_wrapped_before": (
                "People's keys still wrapped under an earlier month's key",
                "month",
                lambda: of.rewrapper.left,
            ),
            "footfall_credentials": ("Credentials by state", "state", of.credentials.counts),
        },
    )


def _stops(stops: Stops) -> Mapping[str, int]:
    """How many stops hold, by what they silence."""
    held = Counter(scope.partition(":")[0] for scope in stops.scopes)
    return {kind: held[kind] for kind in ("all", "store", "campaign")}


def _failed(of: Measured) -> Mapping[str, int]:
    return {"wrapping": of.rewrapper.failed, "segments": of.segments.failed, "campaigns": of.campaigner.failed}


def _now(of: Measured) -> Mapping[str, int]:
    return {
        "queued_payloads": of.engine.depth,
        "event_streams": of.streams.connected,
        "screens": of.screens.connected,
        "deliveries_in_flight": of.sender.in_flight,
        "deliveries_queued": of.backlog.queued,
        "statements_waiting": of.collecting.intake.waiting,
        "confirmations_hindered": of.confirmer.left,
    }


def _queued(backlog: Backlog) -> Mapping[str, int]:
    return {lane.name.lower(): backlog.by_lane.get(lane, 0) for lane in Lane}


def _gates(of: Measured) -> dict[str, Reading]:
    return legible(of.sender.gates.readings(of.clock.now_ms()))


def legible(gates: Mapping[str, Reading]) -> dict[str, Reading]:
    """First those that are closed, then those with most on their way; beyond `MOST_GATES`, all others as one."""
    ranked = sorted(gates.items(), key=lambda item: (item[1].is_open, -item[1].inside, item[0]))
    shown, others = dict(ranked[:MOST_GATES]), [gate for _, gate in ranked[MOST_GATES:]]
    if others:
        is_open = all(gate.is_open for gate in others)
        shown["other"] = Reading(sum(g.width for g in others), sum(g.inside for g in others), is_open=is_open)
    return shown
