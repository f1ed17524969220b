"""From a rule file's rules, fit and guards to those that the fold runs."""

from collections import defaultdict

from leadstream.models import rules as form
from leadstream.models.compile_policy import PolicyCompiler
from leadstream.models.decay import kernel_of
from leadstream.models.schema import RuleFile
from leadstream.models.when import test_of
from leadstream.records.outputs import Contribution
from leadstream.records.signal import Signal
from leadstream.scoring.compiled.channels import ALL_OUTREACH, EMAIL, same_channel
from leadstream.scoring.compiled.conditions import Test, getter, picker
from leadstream.scoring.compiled.crawlers import is_crawler
from leadstream.scoring.compiled.image_fetches import OPENED, is_image_proxy, is_prefetch
from leadstream.scoring.compiled.levels import Category
from leadstream.scoring.compiled.rules import (
    After,
    Branch,
    Effect,
    Fit,
    Guard,
    Plan,
    Repeat,
    Rule,
    RuleOptions,
)
from leadstream.scoring.facts.consent import consent_of
from leadstream.scoring.facts.text import composed
from leadstream.scoring.kernels.age_table import AgeTable
from leadstream.scoring.kernels.exponential import Exponential
from leadstream.scoring.kernels.inactive import Inactive
from leadstream.scoring.kernels.kernel import Kernel
from leadstream.scoring.lead.fit import Pick, among_values, by_keywords, in_ranges
from leadstream.scoring.state.facts import FACT_TYPES

SUPPRESSING = frozenset({"email.unsubscribed", "email.complained"})
"""Types after which no outreach is made, whatever a model says of their points."""
BOUNCED = "email.bounced"
GETTING_THROUGH = frozenset({"email.delivered", "email.opened", "email.clicked"})
"""Types that say that an e-mail has got through."""
DELIVERED = "email.delivered"
RELEASING = "email.resubscribed"
BUMPED = "score.bumped"
WRITING = "lead.recompute"
SENT = "email.sent"
TRACKED = ("page.", "session.", "video.", "resource.")
"""Types of signals that the consent to tracking covers."""


def prefetched(signal: Signal) -> bool:
    agent = signal.data.get("user_agent")
    return type(agent) is str and is_prefetch(agent)


PREFETCH = Guard("prefetch", -1, 0.0, test=prefetched)
"""No guard of the file, so that no rule has a weight for it."""


class RuleCompiler:
    """Collects kernels, branches and rings while it goes through a checked file."""

    def __init__(self, file: RuleFile, half_life: int, policy: PolicyCompiler) -> None:
        self.file = file
        self.policy = policy
        self.kernels = [Exponential.of_rule(half_life)]
        self.categories = [Category("")]
        for name, one in file.parts.items():
            cap = one.cap
            if cap is None:
                self.categories.append(Category(name))
            elif one.sign == "positive":
                self.categories.append(Category(name, 0.0, float(cap)))
            else:
                self.categories.append(Category(name, -float(cap), 0.0))
        self.branches: list[Branch] = []
        self.branch(BUMPED, 1.0, 0, None)
        self.rings: list[str] = []
        self.rules: defaultdict[str, list[Rule]] = defaultdict(list)
        self.effects: defaultdict[str, list[Effect]] = defaultdict(list)
        self.guard_numbers = {guard.id: number for number, guard in enumerate(file.guards)}
        followed = dict.fromkeys(rule.after.rule for rule in file.rules if rule.after is not None)
        self.follow_rings = {name: self.ring(f"after:{name}") for name in followed}
        for rule in file.rules:
            self.rule(rule)
        self.fitted: list[str] = []
        self.fits = [self.fit(fit) for fit in file.fit]
        self.timer_branches = {
            timer.id: self.branch(
                timer.id,
                float(timer.points),
                self.kernel_number(Inactive(timer.inactivity)),
                timer.category,
            )
            for timer in file.timers
            if timer.points is not None and timer.inactivity is not None
        }
        self.guards = [(guard.on, self.guard(guard)) for guard in file.guards]

    def ring(self, name: str) -> int:
        self.rings.append(name)
        return len(self.rings) - 1

    def branch(self, factor: str, points: float, kernel: int, category: str | None) -> Branch:
        symbol = chr(len(self.branches))
        number = 0 if category is None else [one.name for one in self.categories].index(category)
        branch = Branch(factor, points, kernel, symbol, (Contribution(factor, points),), number)
        self.branches.append(branch)
        return branch

    def kernel_number(self, kernel: Kernel) -> int:
        if kernel not in self.kernels:
            self.kernels.append(kernel)
        return self.kernels.index(kernel)

    def kernel(self, decay: form.Decay | str | None, category: str | None) -> Kernel:
        """The rule's, else its category's, else the tenant's, else the model's."""
        if decay is None and category is not None:
            decay = self.file.parts[category].decay
        if decay is None:
            return self.kernels[0]
        return kernel_of(decay)

    def rule(self, rule: form.Rule) -> None:
        test = test_of(rule.when)
        reset, suppress = "reset" in rule.effect, "suppress" in rule.effect
        if reset or suppress:
            channel = rule.channel or ALL_OUTREACH
            bits = self.policy.channel_bits(channel) if suppress else 0
            for type_ in rule.on:
                # How long a bounce suppresses e-mail is said by its kind and `bounces`.
                own = 0 if type_ == BOUNCED and same_channel(channel, EMAIL) else bits
                self.effects[type_].append(Effect(test, reset, own))
        if rule.points is None and rule.by is None:
            return
        kernel = self.kernel(rule.decay, rule.category)
        if rule.recency:
            kernel = AgeTable(kernel, tuple((step.to or 0, step.factor) for step in rule.recency))
        number = self.kernel_number(kernel)
        repeat = None
        if rule.repeat is not None:
            repeat = Repeat(self.ring(f"repeat:{rule.id}"), rule.repeat.within, tuple(rule.repeat.factors))
        branch, pick = None, None
        if rule.by is None:
            branch = self.branch(rule.id, float(rule.points or 0.0), number, rule.category)
        else:
            values = {
                value: self.branch(f"{rule.id}:{value}", float(points), number, rule.category)
                for value, points in rule.by.points.items()
            }
            default = None if rule.by.default is None else values[rule.by.default]
            pick = picker([getter(field) for field in rule.by.field], values, default)
        compiled = Rule(test, branch, pick, repeat, self.options(rule))
        for type_ in rule.on:
            self.rules[type_].append(compiled)

    def options(self, rule: form.Rule) -> RuleOptions | None:
        after = None
        if rule.after is not None:
            after = After(self.follow_rings[rule.after.rule], rule.after.within)
        found = RuleOptions(
            group=rule.group or "",
            after=after,
            weights={self.guard_numbers[name]: weight for name, weight in rule.guards.items()},
            ring=self.follow_rings.get(rule.id),
            spikes=self.policy.spikes_of(rule),
            stage=self.policy.stage_of(rule),
            timers=self.policy.absences("rule", rule.id),
            actions=self.policy.actions_at(f"rule:{rule.id}"),
            aged=rule.recency is not None,
        )
        return None if found == RuleOptions() else found

    def fit(self, fit: form.Fit) -> Fit:
        number = self.kernel_number(kernel_of(fit.decay))

        def branch(name: str, points: float) -> Branch:
            made = self.branch(f"{fit.id}:{name}", float(points), number, fit.category)
            self.fitted.append(made.symbol)
            return made

        other = () if fit.other is None else (branch("other", fit.other),)
        fact = composed(fit.fact)
        pick: Pick
        if fit.ranges is not None:
            entries = [branch(one.name or f"{one.from_:g}+", one.points) for one in fit.ranges]
            pick = in_ranges(fact, [one.from_ for one in fit.ranges], entries, other)
        elif fit.keywords is not None:
            words = [(word, branch(word, points)) for word, points in fit.keywords.points.items()]
            pick = by_keywords(fact, words, fit.keywords.take == "best", other)
        elif fit.tiers is not None:
            tiers = [(tier, branch(tier.name, tier.points)) for tier in fit.tiers]
            listed = [(value, made) for tier, made in tiers for value in tier.values]
            pick = among_values(fact, listed, other)
        else:
            values = [(value, branch(value, points)) for value, points in (fit.values or {}).items()]
            pick = among_values(fact, values, other)
        return Fit(fact, pick)

    def guard(self, guard: form.Guard) -> Guard:
        number = self.guard_numbers[guard.id]
        if guard.burst is not None:
            ring = self.ring(f"guard:{guard.id}")
            return Guard(
                guard.id,
                number,
                guard.weight,
                ring=ring,
                more_than=guard.burst.more_than,
                within=guard.burst.within,
            )
        if guard.after_send is not None:
            return Guard(guard.id, number, guard.weight, after_send=guard.after_send)
        return Guard(guard.id, number, guard.weight, test=guard_test(guard))

    def plans(self) -> dict[str, Plan]:
        guarded = {type_ for types, _ in self.guards for type_ in types}
        ending = {type_ for one in self.file.timers if one.absence is not None for type_ in one.absence.of}
        sends = any(guard.after_send for _, guard in self.guards)
        types = {
            *self.rules, *self.effects, *SUPPRESSING, *GETTING_THROUGH, *FACT_TYPES, *guarded, *ending,
            BOUNCED, RELEASING, BUMPED, WRITING, *([SENT] if sends else []),
        }  # fmt: skip
        return {type_: self.plan(type_, sends) for type_ in sorted(types)}

    def plan(self, type_: str, sends: bool) -> Plan:
        rules = tuple(self.rules.get(type_, ()))
        named = [rule.options for rule in rules if rule.options is not None]
        noted = type_ in SUPPRESSING or type_ in FACT_TYPES
        noted = noted or type_ in (BOUNCED, DELIVERED, RELEASING, WRITING)
        return Plan(
            name=type_,
            rules=rules,
            effects=tuple(self.effects.get(type_, ())),
            suppress=self.policy.channel_bits(ALL_OUTREACH) if type_ in SUPPRESSING else 0,
            bounces=type_ == BOUNCED,
            gets_through=type_ in GETTING_THROUGH,
            releases=type_ == RELEASING,
            facts=type_ in FACT_TYPES,
            bump=type_ == BUMPED,
            noted=noted,
            special=noted or type_ in self.effects,
            guards=self.guards_of(type_),
            sends=sends and type_ == SENT,
            consents=consents_of(type_),
            ends=self.policy.ended_by(type_),
            has_options=bool(named),
            grouped=any(one.group or one.after is not None for one in named),
        )

    def guards_of(self, type_: str) -> tuple[Guard, ...]:
        """The guards of a type; opens before anybody reads are flagged whatever guards a file has."""
        guards = tuple(guard for types, guard in self.guards if type_ in types)
        return (*guards, PREFETCH) if type_ == OPENED else guards


def consents_of(type_: str) -> tuple[str, ...]:
    """The consents that cover signals of a type."""
    if type_.startswith("email."):
        return ("email", "profiling")
    return ("tracking", "profiling") if type_.startswith(TRACKED) else ("profiling",)


def guard_test(guard: form.Guard) -> Test:
    if guard.machine:
        return lambda signal: consent_of(signal.data.get("machine")) == "given"
    texts = [text.casefold() for text in guard.user_agents or ()]

    def by_agent(signal: Signal) -> bool:
        agent = signal.data.get("user_agent")
        if type(agent) is not str or (signal.type == OPENED and is_image_proxy(agent)):
            return False
        return is_crawler(agent) if guard.crawlers else any(text in agent.casefold() for text in texts)

    return by_agent
