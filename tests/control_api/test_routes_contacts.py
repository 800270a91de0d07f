from __future__ import annotations

from typing import Any

from control_api.middleware import MAX_BODY_BYTES
from gateway.config import Config
from gateway.configuration.calls import ContactsSection
from gateway.configuration.http import HttpSection
from store import Store
from tests.control_api.api import IMPORT_MAX_ROWS, NOWHERE, World, error_of

CSV = {"Content-Type": "text/csv"}


async def made(world: World, **fields: Any) -> dict[str, Any]:
    response = await world.api.post("contacts", {"phone_number": "+14155550100"} | fields)
    assert response.status_code == 201, response.text
    data: dict[str, Any] = response.json()["data"]
    return data


async def folder(world: World) -> str:
    return str((await world.api.post("folders", {"name": "f"})).json()["data"]["id"])


async def test_a_contact_is_made_read_changed_and_deleted(world: World) -> None:
    folder_id = await folder(world)
    contact = await made(
        world,
        folder_id=folder_id,
        first_name="Sarah",
        last_name="Lane",
        email="sarah@example.com",
        company_name="Bright Dental",
        industry="health",
        location="Berlin",
        pin_code="10115",
        keywords=["vip"],
        metadata={"crm_id": 7},
    )
    path = f"contacts/cnt_{contact['id']}"
    assert (await world.api.get(path)).json()["data"] == contact
    changed = await world.api(
        "PATCH", path, json={"first_name": None, "metadata": {"a": "b"}, "folder_id": None}
    )
    expected = contact | {"first_name": None, "metadata": {"a": "b"}, "folder_id": None}
    assert changed.json()["data"] | {"updated_at": contact["updated_at"]} == expected
    assert (await world.api("DELETE", path)).status_code == 204
    assert (await world.api.get(path)).status_code == 404


async def test_contacts_are_searched_and_filtered(world: World) -> None:
    folder_id = await folder(world)
    ann = await made(world, phone_number="+14155550100", first_name="Ann", folder_id=folder_id)
    bob = await made(world, phone_number="+14155550101", email="bob@example.com")

    async def found(query: str) -> list[dict[str, Any]]:
        data: list[dict[str, Any]] = (await world.api.get(f"contacts?{query}")).json()["data"]
        return data

    assert await found("") == [bob, ann]
    assert await found("search=ANN") == [ann]
    assert await found("search=%2B1415555010") == [bob, ann]
    assert await found("search=@example") == [bob]
    assert await found(f"folder_id={folder_id}") == [ann]
    assert await found("phone_number=+14155550101") == [bob]
    assert await found("limit=1&offset=1") == [ann]
    assert (await world.api.get(f"contacts?folder_id={NOWHERE}")).status_code == 404
    for path, field in (("contacts?search=a%00", "search"), ("folders?name=%00", "name")):
        response = await world.api.get(path)
        assert (response.status_code, error_of(response)["details"]["field"]) == (422, field)


async def test_a_wrong_field_is_named(world: World) -> None:
    for body, field in (
        ({}, "phone_number"),
        ({"phone_number": "415"}, "phone_number"),
        ({"phone_number": "+14155550100", "email": "nobody"}, "email"),
        ({"phone_number": "+14155550100", "metadata": []}, "metadata"),
        ({"phone_number": "+14155550100", "nickname": "x"}, "nickname"),
        ({"phone_number": "+14155550100", "keywords": ["a"] * 51}, "keywords"),
    ):
        response = await world.api.post("contacts", body)
        assert (response.status_code, error_of(response)["details"]["field"]) == (422, field), body


async def test_a_number_that_is_there_already_is_a_conflict(world: World) -> None:
    await made(world)
    response = await world.api.post("contacts", {"phone_number": "+14155550100"})
    assert (response.status_code, error_of(response)["code"]) == (409, "contact_exists")
    assert (await world.other.post("contacts", {"phone_number": "+14155550100"})).status_code == 201


async def test_contacts_of_others_are_not_there(world: World) -> None:
    contact = await made(world)
    path = f"contacts/{contact['id']}"
    for method, body in (("GET", None), ("PATCH", {"first_name": "b"}), ("DELETE", None)):
        assert (await world.other(method, path, json=body)).status_code == 404
    theirs = (await world.other.post("folders", {"name": "f"})).json()["data"]["id"]
    response = await world.api.post("contacts", {"phone_number": "+14155550101", "folder_id": theirs})
    assert response.status_code == 404


async def test_a_file_is_brought_in_as_the_body_or_within_json(world: World) -> None:
    folder_id = await folder(world)
    text = "\ufeffPhone;Name;Plan\r\n+14155550100;Zoë;gold\r\n12;Bob;\r\n"
    first = await world.api.post(f"contacts/import?folder_id={folder_id}", content=text.encode(), headers=CSV)
    assert first.status_code == 200, first.text
    report = first.json()["data"]
    assert (report["total"], report["imported"], report["failed"]) == (2, 1, 1)
    assert (report["errors"][0]["line"], report["errors"][0]["field"]) == (3, "phone_number")
    second = await world.api.post("contacts/import", {"csv": text, "folder_id": folder_id})
    assert (second.json()["data"]["imported"], second.json()["data"]["skipped"]) == (0, 1)
    (contact,) = (await world.api.get(f"contacts?folder_id={folder_id}")).json()["data"]
    assert (contact["first_name"], contact["metadata"]) == ("Zoë", {"Plan": "gold"})


async def test_files_that_cannot_be_meant_are_refused(world: World) -> None:
    too_long = "phone\n" + "".join(f"+1415555{number:04}\n" for number in range(IMPORT_MAX_ROWS + 1))
    for content, headers, code, field in (
        (b"", CSV, "csv_without_phone_number", "csv"),
        (too_long.encode(), CSV, "csv_too_long", "csv"),
        (b"{}", {"Content-Type": "application/json"}, "validation_error", "csv"),
        (b"--x", {"Content-Type": "multipart/form-data; boundary=x"}, "validation_error", "Content-Type"),
    ):
        response = await world.api.post("contacts/import", content=content, headers=headers)
        assert response.status_code == 422, content
        assert (error_of(response)["code"], error_of(response)["details"]["field"]) == (code, field)
    broken = await world.api.post(
        "contacts/import", content=b"{", headers={"Content-Type": "application/json"}
    )
    assert (broken.status_code, error_of(broken)["code"]) == (400, "invalid_json")
    missing = await world.api.post(
        f"contacts/import?folder_id={NOWHERE}", content=b"phone\n+14155550100", headers=CSV
    )
    assert missing.status_code == 404


async def test_a_file_may_be_larger_than_other_bodies_up_to_its_own_limit(store: Store) -> None:
    limit = 2 * MAX_BODY_BYTES
    world = await World.make(
        store,
        Config(http=HttpSection(rate_limit_per_minute=0), contacts=ContactsSection(import_max_bytes=limit)),
    )
    head = b"phone,note\n+14155550100,"
    for size, status in ((limit, 200), (limit + 1, 413)):
        content = (head + b"x\n").ljust(size, b"\n")
        response = await world.api.post("contacts/import", content=content, headers=CSV)
        assert response.status_code == status
    assert (await world.api.post("contacts", content=b"x" * (MAX_BODY_BYTES + 1))).status_code == 413


async def test_a_file_sent_again_with_its_idempotency_key_is_taken_once(world: World) -> None:
    for _ in range(2):
        response = await world.api.post(
            "contacts/import", content=b"phone\n+14155550100\n", headers=CSV, key="once"
        )
        assert response.json()["data"]["imported"] == 1
    assert response.headers["idempotent-replayed"] == "true"
