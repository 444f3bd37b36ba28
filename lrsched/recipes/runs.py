"""Published runs of large language models, most with tokens as the clock."""

from __future__ import annotations

from typing import Annotated

from lrsched.algebra.arguments import Count, Length, Rate, Taken, TokenLength
from lrsched.algebra.schedule import Schedule
from lrsched.recipes._parts import COSINE, LINEAR, ONE_MINUS_SQRT, rest
from lrsched.recipes.llm import deepseek_multi_step
from lrsched.schedules.endless import Piecewise
from lrsched.schedules.spans import Hold, Warmup

__all__ = [
    "apertus_8b",
    "apertus_8b_batch",
    "deepseek_v2",
    "deepseek_v2_batch",
    "deepseek_v2_lite",
    "deepseek_v3",
    "deepseek_v3_batch",
    "glm45",
    "glm45_batch",
    "kimi_k2",
    "llama3_405b",
    "llama3_anneal",
    "llama3_batch",
    "olmo2_32b",
    "olmo3_7b",
    "olmo3_anneal",
    "smollm3",
]

BILLION, TRILLION = 10**9, 10**12

Run = Annotated[int, Taken("static", base="count", low=10)]


def deepseek_v2(tokens: Run = 8_100 * BILLION, warmup: TokenLength = 2_000 * 2_304 * 4_096) -> Schedule:
    """DeepSeek-V2: multi-step at 60 % and 90 % of the tokens, peak 2.4e-4.

    Formula: 2.4e-4 * min(n / w, 1) * (1, 0.316 from 60 %, 0.316**2 from 90 %), n tokens

    Args:
        tokens: of the run.
        warmup: w, in tokens: 2,000 updates of 2,304 sequences of 4,096 tokens.

    Elsewhere: the rate of the technical report; ``.stretched(1 / tokens_per_update)`` counts updates.
    Source: DeepSeek-AI (2024).

    Example:
        >>> from lrsched import recipes
        >>> recipes.deepseek_v2()(5 * 10**12)
        7.584e-05
    """
    return deepseek_multi_step(2.4e-4, tokens, warmup, (0.6, 0.9), (0.316, 0.316**2))


def deepseek_v2_batch() -> Schedule:
    """DeepSeek-V2's batch size, in sequences of 4,096 tokens.

    Formula: 2304 -> 9216 over the first 225e9 tokens, held after

    Elsewhere: batch-size ramp of the technical report.
    Source: DeepSeek-AI (2024).

    Example:
        >>> from lrsched import recipes
        >>> recipes.deepseek_v2_batch()(0), recipes.deepseek_v2_batch()(10**12)
        (2304.0, 9216.0)
    """
    return Warmup(225 * BILLION, 2304.0, 9216.0)


def deepseek_v2_lite(tokens: Run = 5_700 * BILLION, warmup: TokenLength = 2_000 * 4_608 * 4_096) -> Schedule:
    """DeepSeek-V2-Lite: multi-step at 80 % and 90 % of the tokens, peak 4.2e-4, batches of one size.

    Formula: 4.2e-4 * min(n / w, 1) * (1, 0.316 from 80 %, 0.316**2 from 90 %), n tokens

    Args:
        tokens: of the run.
        warmup: w, in tokens: 2,000 updates of 4,608 sequences of 4,096 tokens.

    Elsewhere: the rate of the model card; ``.stretched(1 / tokens_per_update)`` counts updates.
    Source: DeepSeek-AI (2024).

    Example:
        >>> from lrsched import recipes
        >>> recipes.deepseek_v2_lite()(4 * 10**12)
        0.00042
    """
    return deepseek_multi_step(4.2e-4, tokens, warmup, (0.8, 0.9), (0.316, 0.316**2))


def deepseek_v3(warmup: Count = 2_000 * 3_072 * 4_096) -> Schedule:
    """DeepSeek-V3: constant to 10T tokens, a cosine over 4.3T, then two constants.

    Formula: 0 -> 2.2e-4 in w, to 10e12; a cosine to 2.2e-5 over 4.3e12; 2.2e-5 for 333e9; 7.3e-6 for 167e9

    Args:
        warmup: w, in tokens: 2,000 updates of 3,072 sequences of 4,096 tokens (the growth of the batch left aside).

    Elsewhere: the rate of the technical report; ``.stretched(1 / tokens_per_update)`` counts updates.
    Source: DeepSeek-AI (2024).

    Example:
        >>> from lrsched import recipes
        >>> recipes.deepseek_v3()(9 * 10**12), recipes.deepseek_v3()(14_700 * 10**9)
        (0.00022, 7.3e-06)
    """
    stable = Warmup(warmup, end=2.2e-4) >> Hold(rest(10 * TRILLION, "10T", warmup=warmup), 2.2e-4)
    decay = COSINE.over(4_300 * BILLION, 2.2e-4, 2.2e-5)
    return stable >> decay >> Hold(333 * BILLION, 2.2e-5) >> Hold(167 * BILLION, 7.3e-6)


def deepseek_v3_batch() -> Schedule:
    """DeepSeek-V3's batch size, in sequences of 4,096 tokens.

    Formula: 3072 -> 15360 over the first 469e9 tokens, held after

    Elsewhere: batch-size ramp of the technical report.
    Source: DeepSeek-AI (2024).

    Example:
        >>> from lrsched import recipes
        >>> recipes.deepseek_v3_batch()(469 * 10**9)
        15360.0
    """
    return Warmup(469 * BILLION, 3072.0, 15360.0)


def kimi_k2(warmup: Count = 500 * 67_000_000) -> Schedule:
    """Kimi K2: constant for 10T tokens, a cosine over 5.5T, and an anneal.

    Formula: 0 -> 2e-4 in w, 2e-4 for 10e12, a cosine to 2e-5 over 5.5e12, then 2e-5 -> 7e-6 over 460e9

    Args:
        warmup: w, in tokens: 500 updates of 67 million tokens.

    The report does not give the shape of the anneal (400e9 tokens at 4k, 60e9 at 32k context); it is a line here.

    Elsewhere: WSD of the technical report; ``.stretched(1 / 67_000_000)`` counts updates.
    Source: Kimi Team (2025).

    Example:
        >>> from lrsched import recipes
        >>> recipes.kimi_k2()(5 * 10**12), recipes.kimi_k2()(17 * 10**12)
        (0.0002, 7e-06)
    """
    stable = Warmup(warmup, end=2e-4) >> Hold(10 * TRILLION, 2e-4)
    return stable >> COSINE.over(5_500 * BILLION, 2e-4, 2e-5) >> LINEAR.over(460 * BILLION, 2e-5, 7e-6)


def llama3_405b() -> Schedule:
    """Llama 3 405B: a warm-up of 8,000 updates, and a cosine to a hundredth. Its clock is updates.

    Formula: 8e-5 * t / 8000, then a cosine from 8e-5 to 8e-7 at t = 1.2e6

    Elsewhere: the rate of the paper, before its last anneal to 0, ``llama3_anneal``.
    Source: Grattafiori et al. (2024).

    Example:
        >>> from lrsched import recipes
        >>> recipes.llama3_405b()(8_000), recipes.llama3_405b()(1_200_000)
        (8e-05, 8e-07)
    """
    return Warmup(8_000, end=8e-5) >> COSINE.over(1_192_000, 8e-5, 8e-7)


def llama3_batch() -> Schedule:
    """Llama 3 405B's batch size, in tokens.

    Formula: 4e6, 8e6 from 252e6 tokens on, 16e6 from 2.87e12 on

    Elsewhere: the batch sizes of the paper, in round millions.
    Source: Grattafiori et al. (2024).

    Example:
        >>> from lrsched import recipes
        >>> recipes.llama3_batch()(0), recipes.llama3_batch()(252_000_000)
        (4000000.0, 8000000.0)
    """
    return Piecewise((252_000_000, 2_870 * BILLION), (4e6, 8e6, 16e6))


def llama3_anneal(rate: Rate, tokens: Count = 40_000_000) -> Schedule:
    """Llama 3's last stage: a line to 0, while checkpoints are averaged.

    Formula: rate * (1 - n / tokens), n tokens

    Args:
        rate: the rate at which the run was stopped.
        tokens: of the stage; 40 million in the paper.

    Elsewhere: annealing on high-quality data.
    Source: Grattafiori et al. (2024).

    Example:
        >>> from lrsched import recipes
        >>> recipes.llama3_anneal(8e-7)(20_000_000)
        4e-07
    """
    return rate * LINEAR.over(tokens)


def olmo2_32b() -> Schedule:
    """OLMo 2 32B: a warm-up of 2,000 updates of 2048 x 4096 tokens, and a cosine to a tenth at 6.5T tokens.

    Formula: 6e-4 * n / w, then a cosine from 6e-4 to 6e-5 at n = 6.5e12, n tokens, w = 2000 * 8388608

    The run ends before the cosine does; its anneal is ``.cooldown(at, steps=100 * 10**9)``, both in tokens.

    Elsewhere: OLMo-core CosWithWarmup(2000), alpha_f 0.1.
    Source: OLMo Team (2025).

    Example:
        >>> from lrsched import recipes
        >>> recipes.olmo2_32b()(2_000 * 8_388_608), round(recipes.olmo2_32b()(65 * 10**11), 12)
        (0.0006, 6e-05)
    """
    warmup = 2_000 * 2_048 * 4_096
    return 6e-4 * (Warmup(warmup) >> COSINE.over(6_500 * BILLION - warmup, end=0.1))


def olmo3_7b() -> Schedule:
    """OLMo 3 7B: half a cosine meant for 5T tokens, and the other half stretched to end at 7T.

    Formula: 3e-4 * (t / 2000, a cosine to 0.1 at t = 1192092 until 597046, its second half until 1668930)

    The clock is updates of 4,194,304 tokens; ``.stretched(4_194_304)`` counts tokens.

    Elsewhere: OLMo-core CosWithWarmup, then HalfCosWithWarmup.
    Source: the OLMo-core code (2025).

    Example:
        >>> from lrsched import recipes
        >>> round(recipes.olmo3_7b()(597_046), 12), round(recipes.olmo3_7b()(1_668_930), 12)
        (0.000165, 3e-05)
    """
    first = Warmup(2_000) >> COSINE.over(1_190_092, end=0.1).lasting(595_046)
    return 3e-4 * (first >> COSINE.over(2 * 1_071_884, end=0.1).advanced(1_071_884))


def olmo3_anneal(steps: Count, warmup: Length = 0) -> Schedule:
    """OLMo 3 7B after pretraining: a line to 0 from the rate at which that was stopped.

    Formula: 2.0712352850360292e-4 * min(t / w, 1), then a line to 0 at t = steps

    Args:
        steps: length of the stage, in updates.
        warmup: w: 0 in mid-training, 200 in the long-context stage.

    Elsewhere: OLMo-core LinearWithWarmup(alpha_f=0).
    Source: the OLMo-core code (2025).

    Example:
        >>> from lrsched import recipes
        >>> recipes.olmo3_anneal(steps=100)(0), recipes.olmo3_anneal(steps=100)(100)
        (0.00020712352850360292, 0.0)
    """
    return 2.0712352850360292e-4 * (Warmup(warmup) >> LINEAR.over(rest(steps, warmup=warmup)))


def smollm3() -> Schedule:
    """SmolLM3: 2e-4 until the last 522,000 of 4,720,000 updates, then a line to 0. Its clock is updates.

    Formula: 2e-4 * t / 2000, 2e-4 until t = 4198000, then a line to 0 at t = 4720000

    An update has 192 * 3 * 4096 tokens: ``.stretched(2_359_296)`` counts tokens.

    Elsewhere: nanotron lr_warmup_steps, lr_decay_starting_step (which counts from 1), lr_decay_steps.
    Source: the configuration files of SmolLM3 (2025), as corrected in August.

    Example:
        >>> from lrsched import recipes
        >>> recipes.smollm3()(4_198_000), recipes.smollm3()(4_459_000)
        (0.0002, 0.0001)
    """
    return 2e-4 * (Warmup(2_000) >> Hold(4_196_000) >> LINEAR.over(522_000))


def apertus_8b() -> Schedule:
    """Apertus 8B: WSD from a tenth, with a 1-sqrt cooldown to a tenth over the last 1.5T of 15T tokens.

    Formula: 1.1e-5 -> 1.1e-4 in 4096000 * 4096, 1.1e-4 until 13.5e12, then 1.1e-5 + 9.9e-5 * (1 - sqrt(u)) to 15e12

    Elsewhere: Megatron-LM --lr-decay-style WSD --lr-wsd-decay-style 1-sqrt.
    Source: Hernandez-Cano et al. (2025).

    Example:
        >>> from lrsched import recipes
        >>> recipes.apertus_8b()(10**12), recipes.apertus_8b()(15 * 10**12)
        (0.00011, 1.1e-05)
    """
    warmup = 4_096_000 * 4_096
    stable = Warmup(warmup, 1.1e-5, 1.1e-4) >> Hold(13_500 * BILLION - warmup, 1.1e-4)
    return stable >> ONE_MINUS_SQRT.over(1_500 * BILLION, 1.1e-4, 1.1e-5)


def apertus_8b_batch() -> Schedule:
    """Apertus 8B's batch size, in sequences of 4,096 tokens.

    Formula: 1024, 2048 from 8e12 tokens on

    Elsewhere: the batch sizes of the technical report.
    Source: Hernandez-Cano et al. (2025).

    Example:
        >>> from lrsched import recipes
        >>> recipes.apertus_8b_batch()(0), recipes.apertus_8b_batch()(8 * 10**12)
        (1024.0, 2048.0)
    """
    return Piecewise((8 * TRILLION,), (1024.0, 2048.0))


def glm45(tokens: Count, warmup: TokenLength) -> Schedule:
    """GLM-4.5: with Muon, a cosine to a tenth, which did better than WSD on knowledge.

    Formula: 2.5e-4 * n / w, then a cosine from 2.5e-4 to 2.5e-5 at n = tokens

    Args:
        tokens: to the end of mid-training.
        warmup: w, in tokens. The report gives neither length.

    Elsewhere: the rate of the technical report.
    Source: GLM-4.5 Team (2025).

    Example:
        >>> from lrsched import recipes
        >>> recipes.glm45(22 * 10**12, warmup=10**11)(22 * 10**12)
        2.5e-05
    """
    return Warmup(warmup, end=2.5e-4) >> COSINE.over(rest(tokens, "tokens", warmup=warmup), 2.5e-4, 2.5e-5)


def glm45_batch() -> Schedule:
    """GLM-4.5's batch size, in tokens.

    Formula: 16e6 -> 64e6 over the first 500e9 tokens, held after

    The report says that it grew gradually; it is a line here.

    Elsewhere: batch-size warm-up of the technical report.
    Source: GLM-4.5 Team (2025).

    Example:
        >>> from lrsched import recipes
        >>> recipes.glm45_batch()(250 * 10**9)
        40000000.0
    """
    return Warmup(500 * BILLION, 16e6, 64e6)
