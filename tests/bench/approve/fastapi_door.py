"""The reference door, run by a Python that has FastAPI and asyncpg: the least that keeps an approval, and no judging."""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import asyncpg
from fastapi import FastAPI, Header, HTTPException
from pydantic import BaseModel

SESSION, LOCK, *KEEP = json.loads(Path(os.environ["STATEMENTS"]).read_text())
# Places in the service's own statement: apps.risk.services.credentials.
BOT, ACCOUNT, CHAIN_NUMBER = 4, 7, "chain_number"


class Wanted(BaseModel):
    bot_id: str
    symbol: str
    direction: str
    entry_price: Decimal
    stop_loss: Decimal
    requested_lots: Decimal


@asynccontextmanager
async def live(app: FastAPI):
    async with asyncpg.create_pool(os.environ["DSN"], min_size=16, max_size=16) as pool:
        app.state.pool = pool
        yield


app = FastAPI(lifespan=live)


@app.post("/api/v1/trades/approve")
async def approve(wanted: Wanted, authorization: str = Header()) -> dict[str, object]:
    """Keep an approval and say so."""
    token = authorization.removeprefix("Bearer ")
    hashlib.sha256(token.encode()).hexdigest()
    places: dict[str, object] = {"name": wanted.bot_id, "token": token[4:20]}
    async with app.state.pool.acquire() as connection:
        session = await connection.fetchrow(SESSION[0], *_values(SESSION[1], places))
        if session is None:
            raise HTTPException(401)
        places |= {"bot": session[BOT], "account": session[ACCOUNT]}
        async with connection.transaction():
            risk = await connection.fetchrow(LOCK[0], *_values(LOCK[1], places))
            places["number"] = risk[CHAIN_NUMBER] + 1
            for sql, names in KEEP:
                await connection.execute(sql, *_values(names, places))
    return {"approved": True, "adjusted_lots": wanted.requested_lots, "reason_code": "APPROVED"}


def _values(names: list[str], places: dict[str, object]) -> list[object]:
    return [places[name] for name in names]
