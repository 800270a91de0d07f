from __future__ import annotations

import sqlalchemy as sa

from gateway.webhooks.retention import DeliverySweeper
from store.tables import webhook_events
from tests.gateway.webhooks.conftest import Post

DAY = 86_400.0


async def events(post: Post) -> int:
    async with post.store.database.reading() as connection:
        query = sa.select(sa.func.count()).select_from(webhook_events)
        return (await connection.execute(query)).scalar_one()


async def test_deliveries_go_when_their_time_is_over_the_dead_ones_later(post: Post) -> None:
    post.receiver.answer = lambda event: 410 if event["event"] == "call.failed" else 200
    await post.endpoint()
    await post.happen("call.ended")
    await post.happen("call.failed")
    await post.work(post.deliverer())
    await post.endpoint(enabled=True)
    await post.happen("call.ended")  # never delivered
    sweeper = DeliverySweeper(post.store.webhook_queue, DAY, 3 * DAY, lambda: post.now)
    assert await sweeper.sweep() == 0
    post.later(DAY + 1)
    assert await sweeper.sweep() == 1
    assert sorted(await post.states()) == ["dead", "pending"]
    assert await events(post) == 2
    post.later(2 * DAY)
    assert await sweeper.sweep() == 1
    assert await post.states() == ["pending"]
    assert await events(post) == 1


async def test_a_time_of_nothing_keeps_them_for_ever(post: Post) -> None:
    await post.endpoint()
    await post.happen("call.ended")
    await post.work(post.deliverer())
    post.later(10_000 * DAY)
    assert await DeliverySweeper(post.store.webhook_queue, 0, 0, lambda: post.now).sweep() == 0
    assert await post.states() == ["delivered"]


async def test_an_event_stays_as_long_as_one_of_its_deliveries(post: Post) -> None:
    await post.endpoint()
    await post.endpoint(url="http://127.0.0.1:1/nobody")
    await post.happen("call.ended")
    await post.work(post.deliverer())
    assert sorted(await post.states()) == ["delivered", "pending"]
    post.later(2 * DAY)
    await DeliverySweeper(post.store.webhook_queue, DAY, DAY, lambda: post.now).sweep()
    assert await post.states() == ["pending"]
    assert await events(post) == 1
