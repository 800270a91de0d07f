from local_engine.call_settings import enabled_data_messages


def test_what_is_on_by_default_can_be_switched_off_and_the_rest_on() -> None:
    default = enabled_data_messages({})
    assert {"state", "transcript", "call_started", "pong", "playback_clear_buffer"} <= default
    assert "call_event" not in default
    changed = enabled_data_messages({"state": False, "callEvent": True, "transcript": None})
    assert default - changed == {"state"}
    assert changed - default == {"call_event"}
