"""A Hugging Face config.json becomes a model; only the phase that is asked for is traced."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from workloads.errors import UserError
from workloads.graph import graph_macs
from workloads.model import Choices, bind_model
from workloads.user import open_model


def test_a_configuration_becomes_a_language_model(tmp_path: Path):
    folder = tmp_path / "tiny"
    folder.mkdir()
    config = {
        "model_type": "llama",
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": 3,
        "vocab_size": 100,
    }
    config |= {"num_attention_heads": 4, "num_key_value_heads": 2}
    (folder / "config.json").write_text(json.dumps(config))
    model = open_model(str(folder / "config.json"))
    assert (model.name, model.phases) == ("tiny", ("prefill", "decode"))
    layer = 64 * (64 + 32 + 32 + 64) + 3 * 64 * 96 + 2 * 4 * 16 * 10
    assert graph_macs(bind_model(model, "decode", Choices(batch=2, context=10))) == 2 * (3 * layer + 64 * 100)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"model_type": "lama"}, "did you mean 'llama'"),
        ({"model_type": "llama", "hidden_size": "many"}, r"x\.json: .*hidden_size"),
        ({"model_type": "llama", "hidden_size": 63, "num_attention_heads": 4}, "not a multiple"),
        ({"model_type": "llama", "hidden_size": 64, "num_attention_heads": 0}, "zero"),
        ({"model_type": "llama", "hidden_size": -64}, "llama"),
        ({"model_type": 3}, "model_type"),
    ],
)
def test_a_configuration_that_cannot_be_is_refused(tmp_path: Path, config: dict[str, object], expected: str):
    path = tmp_path / "x.json"
    path.write_text(json.dumps(config))
    with pytest.raises(UserError, match=expected):
        bind_model(open_model(str(path)))
