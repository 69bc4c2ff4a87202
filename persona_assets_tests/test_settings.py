"""Settings: every one overridable by its variable, every mistake named, no secret shown."""

from pathlib import Path
from typing import Any

import pytest

from persona_assets.errors import SettingsError
from persona_assets.settings import CONFIG_FILE_VARIABLE, Settings, find_config_file, load_settings, packaged_settings


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(CONFIG_FILE_VARIABLE, raising=False)


def read(settings: Settings, place: str) -> Any:
    value: Any = settings
    for part in place.split("."):
        value = value[part] if isinstance(value, dict) else getattr(value, part)
    return value.get_secret_value() if hasattr(value, "get_secret_value") else value


@pytest.mark.parametrize(
    ("variable", "value", "place", "expected"),
    [
        ("MODEL__NAME", "openai/m", "model.name", "openai/m"),
        ("MODEL__API_BASE", "http://x/v1", "model.api_base", "http://x/v1"),
        ("MODEL__API_KEY", "k", "model.api_key", "k"),
        ("MODEL__MAX_CONCURRENCY", "3", "model.max_concurrency", 3),
        ("PATHS__DATA", "/d", "paths.data", Path("/d")),
        ("CORPUS__PATH", "/c", "corpus.path", Path("/c")),
        ("EMBEDDING__MODEL", "e", "embedding.model", "e"),
        ("EMBEDDING__SCRIPTS", '["Latin", "Greek"]', "embedding.scripts", ("Latin", "Greek")),
        ("INDEX__URL", "http://q", "index.url", "http://q"),
        ("LEDGER__URL", "postgresql://l", "ledger.url", "postgresql://l"),
        ("TASKS__MATH_PROBLEMS__CANDIDATES", "4", "tasks.math_problems.candidates", 4),
        ("SEED_PERSONAS__RELATIONS", '["like"]', "seed_personas.relations", ("like",)),
        ("SEED_PERSONAS__LANGUAGE", "EN", "seed_personas.language", "en"),
        ("SEED_PERSONAS__LANGUAGE", "pt_br", "seed_personas.language", "pt-BR"),
        ("HUB__EXCLUDE_FLAGS", '["breaks_off"]', "hub.exclude_flags", ("breaks_off",)),
        ("LEDGER__URL", "", "ledger.url", None),
        ("CORPUS__PATH", "", "corpus.path", packaged_settings().corpus.path),
    ],
)
def test_a_variable_overrides_its_setting(
    variable: str, value: str, place: str, expected: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"PERSONA_ASSETS__{variable}", value)
    assert read(load_settings(), place) == expected


def test_the_stronger_source_wins_key_by_key(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("pipeline.toml").write_text(
        '[model]\nname = "file/m"\nmax_concurrency = 2\ntimeout = 5\n[tasks.math]\ncandidates = 2\nlimit = 7\n'
    )
    monkeypatch.setenv("PERSONA_ASSETS__MODEL__MAX_CONCURRENCY", "3")
    monkeypatch.setenv("PERSONA_ASSETS__MODEL__TIMEOUT", "6")
    monkeypatch.setenv("PERSONA_ASSETS__TASKS__MATH__CANDIDATES", "4")
    settings = load_settings(model={"timeout": 7})
    model = settings.model
    assert (model.name, model.max_concurrency, model.timeout, model.max_attempts) == ("file/m", 3, 7, 6)
    assert (settings.task("math").candidates, settings.task("math").limit) == (4, 7)
    assert settings.task("other").candidates is None


def test_a_value_is_read_by_its_name_as_json_has_it() -> None:
    settings = load_settings(tasks={"math": {"limit": 7}}, model={"api_key": "sk-hidden"})
    assert settings.read("hub.cosine") == 0.9
    assert settings.read("tasks.math.limit") == 7
    assert settings.read("embedding.scripts") == ["Latin"]
    for name in ("tasks.math.candidates", "tasks.other.limit", "hub.gone", "gone.at.all", "characters.limit"):
        assert settings.read(name) is None
    assert "hidden" not in str(settings.read("model.api_key"))
    assert settings.pick("characters", "hub.cosine") == {
        "characters.limit": None,
        "characters.attributes": "free",
        "hub.cosine": 0.9,
    }


def test_the_file_is_found_by_its_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_config_file() is None
    Path("pipeline.toml").write_text("[hub]\ncosine = 0.5\n")
    assert load_settings().hub.cosine == 0.5
    other = tmp_path / "other.toml"
    other.write_text("[hub]\ncosine = 0.6\n")
    monkeypatch.setenv(CONFIG_FILE_VARIABLE, str(other))
    assert load_settings().hub.cosine == 0.6
    monkeypatch.setenv(CONFIG_FILE_VARIABLE, "/no/such.toml")
    with pytest.raises(SettingsError, match=r"PERSONA_ASSETS_CONFIG names /no/such\.toml"):
        load_settings()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[model]\nnmae = 1\n", r"model\.nmae \(or PERSONA_ASSETS__MODEL__NMAE\): .* in \[model\].*name"),
        ("[modle]\nname = 1\n", r"modle \(or PERSONA_ASSETS__MODLE\): there is no such setting"),
        ("name = 1\n", r"name .*there is no such setting"),
        ("[model]\nmax_concurrency = 'many'\n", r"\(or PERSONA_ASSETS__MODEL__MAX_CONCURRENCY\).*'many'"),
        ("[model]\nmax_concurrency = 0\n", r"max_concurrency.*greater than or equal to 1, got 0"),
        ("[tasks.math]\ncandidate = 2\n", r"tasks\.math\.candidate \(or PERSONA_ASSETS__TASKS__MATH__CANDIDATE\)"),
        ("[seed_personas]\ngranularity = 'rough'\n", r"\(or PERSONA_ASSETS__SEED_PERSONAS__GRANULARITY\).*'rough'"),
        ("model = 3\n", r"model \(or PERSONA_ASSETS__MODEL\)"),
        ("[seed_personas]\nlanguage = 'English'\n", r"language.*English is no code of a language"),
        ("[hub]\nexclude_flags = ['brakes_off']\n", r"hub\.exclude_flags.*brakes_off is no check.*breaks_off"),
        ("[tasks.math]\nexclude_flags = ['all']\n", r"tasks\.math\.exclude_flags.*all is no check"),
        ("[tasks.seed_personas]\nexclude_flags = ['*']\n", r"tasks .*documents have no flags"),
        ("[model\n", r"pipeline\.toml cannot be read as TOML: .*line 1"),
        ("[hub]\ncosine = 2\n[dialogues]\nseed = 'x'\n", r"hub\.cosine.*; dialogues\.seed"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_file_is_named(content: str, message: str) -> None:
    Path("pipeline.toml").write_text(content)
    with pytest.raises(SettingsError, match=message):
        load_settings()


def test_a_file_that_is_no_text_is_named() -> None:
    Path("pipeline.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match=r"pipeline\.toml cannot be read"):
        load_settings()


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("MODLE__NAME", "x", r"PERSONA_ASSETS__MODLE__NAME: there is no such section.*model"),
        ("MODEL__NMAE", "x", r"PERSONA_ASSETS__MODEL__NMAE\): there is no such setting"),
        ("MODEL__MAX_CONCURRENCY", "many", r"model\.max_concurrency.*MAX_CONCURRENCY.*'many'"),
        ("EMBEDDING__SCRIPTS", "Latin", r"embedding|EMBEDDING"),
        ("TASKS__MATH__CANDIDATES", "few", r"TASKS__MATH__CANDIDATES"),
        ("MODEL", "no json", "model"),
    ],
)
def test_a_mistake_in_the_environment_is_named(
    variable: str, value: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"PERSONA_ASSETS__{variable}", value)
    with pytest.raises(SettingsError, match=message):
        load_settings()


@pytest.mark.parametrize(
    "content",
    [
        "[model]\napi_key = ['sk-hidden']\n",
        "[index]\napi_key = {x = 'sk-hidden'}\n",
        "[ledger]\nurl = ['postgresql://u:sk-hidden@h/d']\n",
        "[model]\napi_key = 'sk-hidden'\nmax_attempts = 0\n",
        "[model]\napikey = 'sk-hidden'\n",
    ],
)
def test_no_secret_is_shown(content: str) -> None:
    Path("pipeline.toml").write_text(content)
    with pytest.raises(SettingsError) as raised:
        load_settings()
    assert "hidden" not in str(raised.value)


def test_a_key_is_not_shown_with_the_settings() -> None:
    assert "hidden" not in repr(load_settings(model={"api_key": "sk-hidden"}))


def test_the_prompts_folder_is_the_configured_one_or_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"paths\.prompts: .*no recipes/"):
        _ = load_settings(paths={"prompts": str(tmp_path)}).prompts
    (tmp_path / "prompts" / "recipes").mkdir(parents=True)
    assert load_settings().prompts == tmp_path / "prompts"
    (tmp_path / "mine" / "recipes").mkdir(parents=True)
    assert load_settings(paths={"prompts": "mine"}).prompts == tmp_path / "mine"


def test_every_setting_of_a_section_has_a_default() -> None:
    assert load_settings() == packaged_settings()
