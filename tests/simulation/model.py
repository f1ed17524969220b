"""The rules by which simulated signals are scored: few signals reach all that a fold does."""

from functools import cache

from leadstream.models.catalog import parse_rule_file
from leadstream.models.compile import compile_model
from leadstream.scoring.compiled.model import ModelCatalog

RULES = """\
name: simulated
version: "1"
half_life: 3d
rules:
  - {id: form, on: form.submitted, points: 30}
  - {id: reply, on: email.replied, points: 25, decay: {half_life: 1d}}
  - {id: open, on: email.opened, points: 4, repeat: {factors: [1, 1, 0.5, 0], within: 2d}}
  - {id: page, on: page.viewed, points: 10}
  - {id: status, on: status.changed, points: 40}
  - {id: complaint, on: support.complained, points: -15}
  - {id: bounced, on: email.bounced, points: -20, effect: suppress, channel: email}
  - {id: unsubscribed, on: email.unsubscribed, effect: [reset, suppress], channel: all}
thresholds:
  - {at: 20, hysteresis: 4, on_recovery: fire}
  - {at: 50}
  - {at: 80}
bands:
  - {name: cold, from: 0}
  - {name: warm, from: 40}
  - {name: hot, from: 80}
timers:
  - {id: silent, absence: {of: email.replied, within: 1d, band: warm}}
  - {id: idle, inactivity: 4d, points: -5}
spikes:
  - {id: surge, rules: page, count: 3, within: 6h}
actions:
  - {do: enrol, when: {timer: silent}, channel: email}
  - {do: alert, when: {spike: surge}, channel: crm, assign: {owners: [ann, bob, cem]}}
  - {do: visit, when: {band: hot}, channel: field, hours: {outside: defer}}
  - {do: note, at: 20, channel: crm}
  - {do: nurture, at: 50, channel: email, dedupe: 24h}
  - {do: call, at: 80, channel: phone, requires: phone, dedupe: 24h}
"""


@cache
def catalog() -> ModelCatalog:
    """The compiled rules, for every tenant."""
    return ModelCatalog(compile_model(parse_rule_file(RULES, "simulated.yaml")))
