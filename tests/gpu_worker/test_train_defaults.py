"""Pocket is trained in its own way; what a job asks for goes first."""

from gpu_worker.base_models.pocket import WEIGHTS
from gpu_worker.train import TrainConfig
from gpu_worker.train_defaults import training_defaults


def test_pocket_learns_faster() -> None:
    usual = TrainConfig.from_params({})
    assert usual.method == "lora"
    assert usual.learning_rate > 1e-4
    assert TrainConfig.from_params({"method": "full"}).learning_rate < usual.learning_rate


def test_others_keep_the_usual_settings() -> None:
    assert training_defaults("owner/name", None) == {}
    assert TrainConfig.from_params({"base_model": "owner/name"}).learning_rate == 1e-4


def test_what_a_job_asks_for_goes_first() -> None:
    asked = TrainConfig.from_params({"learning_rate": 0.5, "style": "demo", "rank": None})
    assert (asked.learning_rate, asked.rank) == (0.5, training_defaults(str(WEIGHTS), None)["rank"])


def test_class_prompts_cover_every_scene_and_name_no_identifier() -> None:
    config = TrainConfig.from_params({"class_noun": "woman"})
    prompts = [config.prompt(template) for template in config.class_prompts]
    assert prompts[0] == "a photo of a woman"
    assert len(set(prompts)) == 11
    assert not any("sks" in prompt or "{" in prompt for prompt in prompts)
