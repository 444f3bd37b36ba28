"""Steps that are none: nothing at all, and the tensors of frameworks, which an adapter takes."""

import pytest

import lrsched as lrs

S, P = lrs.warmup(3) >> lrs.cosine().over(9), lrs.cosine()
TAKERS = {
    "tensorflow.python.framework.ops": r"lrsched_keras\.LearningRate\(schedule\)",
    "keras.src.backend.torch.core": r"lrsched_keras\.LearningRate\(schedule\)",
    "torch": r"lrsched_torch\.Scheduler\(optimizer, lr=schedule\)",
    "torch.nn.parameter": r"lrsched_torch\.Scheduler\(optimizer, lr=schedule\)",
    "mlx.core": r"lambda t: mx\.array\(schedule\(t\.item\(\)\)\)",
}


@pytest.mark.parametrize("module", TAKERS)
@pytest.mark.parametrize("expression", [S, P, 0.1 * S, S.restarted()], ids=repr)
def test_a_tensor_names_what_takes_it_and_nothing_is_imported(module, expression):
    tensor = type("Tensor", (), {"__module__": module, "__repr__": lambda self: "a tensor"})()
    for _ in range(2):
        with pytest.raises(TypeError, match=rf"or an array of them \(.*{TAKERS[module]}.*\), got a tensor$") as caught:
            expression(tensor)
        assert isinstance(caught.value, lrs.ScheduleError)


def test_of_other_types_nothing_is_said():
    stranger = type("Tensor", (), {"__module__": "torchlike.core", "__repr__": lambda self: "a stranger"})()
    with pytest.raises(TypeError, match=r"a finite number >= 0, or an array of them, got a stranger$"):
        S(stranger)


@pytest.mark.parametrize("calls", [0, 1])
def test_a_call_without_a_step_says_what_a_keras_optimizer_takes(calls):
    """Before and after the first call, which compiles."""
    s, p = S * 0.5, P * 0.5
    for _ in range(calls):
        assert (s(2), p(1.0)) == (S(2) * 0.5, 0.0)
    with pytest.raises(
        TypeError, match=r"step must be given, schedule\(t\); .* lrsched_keras\.LearningRate\(schedule\) as"
    ):
        s()
    with pytest.raises(
        TypeError, match=r"progress must be given, profile\(u\); .*LearningRate\(profile\.over\(steps\)\)"
    ):
        p()


def test_a_call_without_a_step_of_a_schedule_of_arrays():
    jnp = pytest.importorskip("jax.numpy")
    with pytest.raises(TypeError, match=r"step must be given, schedule\(t\)"):
        (lrs.constant(1.0) * jnp.float32(2.0))()
