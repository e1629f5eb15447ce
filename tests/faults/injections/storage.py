"""Group A, what is stored: disks that are full, connections used up, locks in a knot, a backup put back."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
from collections.abc import Iterator
from typing import Any

import psycopg
import redis

from config.launch import postgres, valkey
from config.launch.data_dir import DataDir
from tests.faults.injections.limits import family_of, full_disk
from tests.faults.injections.registry import connect, fault, hold, manage, one
from tests.faults.rig import Rig
from tests.journeys.running import wait_for

SLOW_INSERT = """
create or replace function rig_trouble() returns trigger language plpgsql as $$ begin {body} return new; end $$;
drop trigger if exists rig_trouble on risk_approval;
create trigger rig_trouble before insert on risk_approval for each row execute function rig_trouble();
"""
LOCK = "select 1 from accounts_accountrisk r join accounts_account a on a.id = r.account_id where a.code = %s for update of r"
END_TROUBLE = "drop trigger if exists rig_trouble on risk_approval; drop function if exists rig_trouble();"


@contextlib.contextmanager
def trouble(rig: Rig, body: str) -> Iterator[None]:
    """Let every approval that is kept run through a trigger with that body."""
    with connect(rig) as connection:
        connection.execute(SLOW_INSERT.format(body=body))
    try:
        yield
    finally:
        wait_for("the trigger to be dropped", lambda: _heal(rig), 60)


def _heal(rig: Rig) -> bool:
    try:
        with connect(rig) as connection:
            connection.execute(END_TROUBLE)
    except psycopg.OperationalError:
        return False
    return True


@fault(1, "web killed between the insert and the commit of an approval", "I1 I16")
def kill_web_before_commit(rig: Rig) -> None:
    with trouble(rig, "perform pg_sleep(0.4);"), connect(rig) as connection:
        sleeping = "select count(*) from pg_stat_activity where wait_event = 'PgSleep'"
        wait_for("an approval that is being kept", lambda: connection.execute(sleeping).fetchone()[0], 60, 0.02)  # type: ignore[index]
        rig.kill_process("web")


@fault(8, "all connections of PostgreSQL taken", "I9 I4")
def take_connections(rig: Rig) -> None:
    agent, taken = one(rig), list[psycopg.Connection[Any]]()
    try:
        with contextlib.suppress(psycopg.OperationalError):
            while len(taken) < postgres.MAX_CONNECTIONS:
                taken.append(connect(rig))
        assert len(taken) < postgres.MAX_CONNECTIONS, "somebody else's connections were not there"
        rig.stop(agent)
        hold(rig, 1, 2)
    finally:
        for connection in taken:
            connection.close()
    rig.activate(agent)


@fault(9, "rows of two accounts locked crosswise, and one held", "I9 I1 I15")
def knot_locks(rig: Rig) -> None:
    first, second = (agent.code for agent in rig.agents[:2])
    both_hold = threading.Barrier(2)
    knots = [
        threading.Thread(target=_lock_two, args=(rig, codes, both_hold)) for codes in ((first, second), (second, first))
    ]
    for thread in knots:
        thread.start()
    for thread in knots:
        thread.join(30)
    with connect(rig) as connection, connection.transaction():
        connection.execute(LOCK, [first])
        hold(rig, 1, 3)


def _lock_two(rig: Rig, codes: tuple[str, str], both_hold: threading.Barrier) -> None:
    with contextlib.suppress(psycopg.errors.DeadlockDetected), connect(rig) as connection, connection.transaction():
        connection.execute(LOCK, [codes[0]])
        both_hold.wait(30)
        connection.execute(LOCK, [codes[1]])


@fault(10, "every second approval meets a deadlock or a serialization failure", "I1 I2")
def refuse_approvals(rig: Rig) -> None:
    body = "if random() < 0.5 then raise exception using errcode = case when random() < 0.5 then '40001' else '40P01' end; end if;"
    with trouble(rig, body):
        hold(rig, 3, 5)


@fault(11, "Valkey killed", "I3 I4 I7 I10", short=True)
def kill_valkey(rig: Rig) -> None:
    rig.kill_process("valkey")


def queue_of(rig: Rig) -> redis.Redis:
    data = DataDir.open(rig.data)
    return redis.Redis.from_url(valkey.url(data, data.read("ports.json")["valkey"]))


@fault(11, "Valkey emptied and frozen", "I3 I4 I7 I10")
def flush_valkey(rig: Rig) -> None:
    queue_of(rig).flushall()
    with rig.frozen("valkey"):
        hold(rig, 3, 5)


@fault(12, "Valkey full, and throwing away what it likes", "I3 I4 I11")
def fill_valkey(rig: Rig) -> None:
    queue = queue_of(rig)
    used = int(queue.info("memory")["used_memory"])  # type: ignore[index]
    queue.config_set("maxmemory", used + 65_536)
    queue.config_set("maxmemory-policy", "allkeys-lru")
    try:
        for number in range(2_000):
            with contextlib.suppress(redis.ResponseError):
                queue.set(f"rig-{number}", "x" * 1_000, ex=60)
        hold(rig, 4, 6)
    finally:
        queue.config_set("maxmemory", 0)
        queue.config_set("maxmemory-policy", "noeviction")


@fault(13, "no room on the disk of PostgreSQL", "I9 I16", within_s=180)
def fill_disk_of_postgres(rig: Rig) -> None:
    before = _tags(rig)
    with full_disk(lambda: family_of(rig, "postgres"), 64 * 1024):
        wait_for("PostgreSQL to refuse a commit", lambda: not _commits(rig), 30)
        hold(rig, 5, 7)
        opened = _tags(rig) - before
    wait_for("PostgreSQL to commit again", lambda: _commits(rig), 60)
    with connect(rig) as connection:
        kept = connection.execute("select tag from risk_approval where tag = any(%s)", [list(opened)]).fetchall()
    assert opened == {tag for (tag,) in kept}, f"I9 opened without a row: {opened - {tag for (tag,) in kept}}"


def _tags(rig: Rig) -> set[str]:
    """Return what was opened with which approval."""
    return {deal["comment"] for agent in rig.agents for deal in rig.entries(agent)}


def _commits(rig: Rig) -> bool:
    try:
        with connect(rig) as connection:
            connection.execute("create table rig_probe ()")
            connection.execute("drop table rig_probe")
    except psycopg.Error:
        return False
    return True


@fault(13, "no room for the logs of the server", "I10", short=True)
def fill_disk_of_logs(rig: Rig) -> None:
    names = ("web", "worker", "relay")
    with full_disk(lambda: [pid for name in names for pid in family_of(rig, name)], 0):
        rig.wait_trading(timeout_s=60)


@fault(14, "no room on the disk of an agent: journal, spool, log", "I2 I4", short=True)
def fill_disk_of_agent(rig: Rig) -> None:
    agent = one(rig)
    assert agent.process is not None
    pid = agent.process.pid
    with full_disk(lambda: [pid], 0):
        journal = (agent.journal / "journal.log").read_text("utf-8")  # nothing more can be written from now on
        before = len(rig.entries(agent))
        hold(rig, 4, 6)
        unknown = [
            deal["comment"] for deal in rig.entries(agent)[before:] if f'"tag":"{deal["comment"]}"' not in journal
        ]
        assert not unknown, f"I2 opened, and no journal knows: {unknown}"
        rig.command(agent, "stop")
        wait_for(f"{agent.code} to be flat without a journal", lambda: not rig.held(agent), 60)
    rig.platform.wait_observed(agent.strategy, "STOPPED")
    rig.activate(agent)


@fault(15, "journal of an agent torn at a random byte", "I2 I3")
def tear_journal(rig: Rig) -> None:
    agent = one(rig)
    agent.kill()
    for path in sorted(agent.journal.glob("*")):
        if path.is_file() and path.stat().st_size > 200 and "journal" in path.name:
            with path.open("r+b") as file:
                file.truncate(rig.random.randrange(100, path.stat().st_size))
    agent.start()
    # A damaged journal pauses what it ran: a person looks, and starts it anew.
    wait_for(f"{agent.code} to come back", lambda: rig.state_of(agent) == "ONLINE")
    if rig.assignment(agent)["observed"] != "RUNNING":
        rig.stop(agent)
        rig.activate(agent)


@fault(15, "journal of an agent deleted", "I2 I3")
def lose_journal(rig: Rig) -> None:
    agent = one(rig)
    agent.kill()
    for path in agent.journal.glob("*"):
        if path.is_file() and "lock" not in path.name:
            path.unlink()
    agent.start()


# --- a backup put back

SERVER = ("web", "worker", "relay", "beat", "compute")


@fault(17, "a backup from before a STOP put back", "I4 I3 I8 I16", within_s=180)
def restore_backup(rig: Rig) -> None:
    """What was stopped after the backup stays stopped; nothing runs until a person has lifted the halt and resumed."""
    stopped, running = rig.agents[0], rig.agents[-1]
    dump = rig.folder / f"backup-{rig.random.getrandbits(32):x}"
    _program(rig, "pg_dump", "-Fc", "-f", str(dump))
    rig.stop(stopped)
    for verb in ("pause", "resume"):
        rig.command(running, verb)
    rig.platform.wait_observed(running.strategy, "RUNNING")
    before = {agent.code: len(rig.entries(agent)) for agent in rig.agents}
    _put_back(rig, dump)
    hold(rig, 6, 8)
    after = {agent.code: len(rig.entries(agent)) for agent in rig.agents}
    assert after[stopped.code] == before[stopped.code], "I4 a START from before the backup was done again"
    assert after[running.code] <= before[running.code] + 1, "I9 opened on rows from a backup"
    _lift_platform(rig)
    for agent in rig.agents:
        rig.stop(agent)
        rig.activate(agent)


def _put_back(rig: Rig, dump: Any) -> None:
    """The server stands still meanwhile, as it must: who is frozen asks nothing."""
    with contextlib.ExitStack() as frozen:
        for name in SERVER:
            frozen.enter_context(rig.frozen(name))
        with connect(rig) as connection:
            others = "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and usename = current_user"
            connection.execute(others)
        _program(rig, "pg_restore", "--clean", "--if-exists", "--single-transaction", "--no-owner", "-d", postgres.DATABASE, str(dump), named=False)  # fmt: skip
        manage(rig, "after_restore")


def _lift_platform(rig: Rig) -> None:
    manage(rig, "halt", "platform", "--lift")


def _program(rig: Rig, name: str, *words: str, named: bool = True) -> None:
    data = DataDir.open(rig.data)
    address = ["-h", "127.0.0.1", "-p", str(data.read("ports.json")["postgres"]), "-U", postgres.OWNER]
    environment = os.environ | {"PGPASSWORD": data.secret("postgres_password")}
    argv = [postgres.locate(data).program(name), *address, *words, *([postgres.DATABASE] if named else [])]
    subprocess.run(argv, env=environment, check=True, timeout=120)
