"""Counts one log twice, with hubtally and with DuckDB, and compares every figure.

The counting rules are written down here a second time, in SQL, straight from the log and from the rules as they are
documented; nothing is shared with hubtally. Each step is a process of its own, so that its time and memory are its own:

    generate, import, serve      hubtally
    thorns                       what real logs have and the generator has not, put into the log
    rival                        DuckDB as one would use it: its CSV reader, then the same answers; only its cost counts
    oracle                       DuckDB over raw lines, which are judged one by one in SQL; only its figures count
    ask                          all questions over HTTP
    judge                        joins the answers of both sides and counts the differences
"""

import argparse
import json
import multiprocessing
import os
import random
import socket
import subprocess
import sys
import threading
import time
from datetime import date, datetime, timedelta, timezone

import duckdb

FIRST_DAY = date(2026, 5, 1)
DAYS = 60
TODAY = FIRST_DAY + timedelta(days=DAYS)
GAP_MS = 1_800_000
LARGEST_ORGS = 50
RANDOM_SCOPES = 200
CONNECTIONS = 64
FIGURES = "downloads authenticated anonymous files unique_downloaders".split()
COLUMNS = "timestamp status method repoName repoType hashedUserId hashedIp country region userAgent".split()


# -- DuckDB: from the log to figures ---------------------------------------------------------------------------------

# One cell: in quotes with doubled quotes inside, or anything without a comma that does not begin with a quote.
CELL = r'("(?:[^"]|"")*"|[^",][^,]*|)'
PART = r"[A-Za-z0-9._-]{1,96}"
INSTANT = r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)"


def load_lines(db, log):
    """Raw lines, each judged on its own. A separator that is no text makes DuckDB's reader hand over whole lines; lines
    that are no UTF-8 it drops by itself."""
    db.execute(
        f"""CREATE TABLE lines AS SELECT line FROM read_csv('{log}', columns = {{'line': 'VARCHAR'}}, delim = chr(1),
            quote = '', escape = '', header = false, skip = 1, auto_detect = false, ignore_errors = true,
            max_line_size = 1048576)"""
    )
    cells = ",".join([CELL] * len(COLUMNS))
    names = "[" + ",".join(f"'{name}'" for name in COLUMNS) + "]"
    unquoted = ", ".join(
        f"""CASE WHEN starts_with(cells.{name}, '"') THEN replace(cells.{name}[2:-2], '""', '"') ELSE cells.{name} END AS {name}"""
        for name in COLUMNS
    )
    split = ", ".join(f"cells[{n + 1}] AS {name}" for n, name in enumerate(COLUMNS))
    db.execute(
        f"""CREATE TABLE cells AS
            SELECT {split} FROM (SELECT string_split(line, ',') AS cells FROM lines
                                 WHERE NOT contains(line, '"') AND NOT contains(line, chr(0)))
            WHERE len(cells) = {len(COLUMNS)}
            UNION ALL
            SELECT {unquoted} FROM (SELECT regexp_extract(line, '^{cells}$', {names}) AS cells FROM lines
                                    WHERE contains(line, '"') AND NOT contains(line, chr(0))
                                      AND regexp_matches(line, '^{cells}$'))"""
    )
    db.execute(
        f"""CREATE TABLE requests AS
            SELECT epoch_ms(CAST(timestamp AS TIMESTAMPTZ)) AS ms, CAST(status AS SMALLINT) AS status, method,
                   repoType AS kind, repoName AS repo, hashedUserId AS user_hash, hashedIp AS ip_hash
            FROM cells
            WHERE regexp_full_match(timestamp, '{INSTANT}') AND try_cast(timestamp AS TIMESTAMPTZ) IS NOT NULL
              AND regexp_full_match(status, '[1-5]\\d\\d') AND method <> ''
              AND repoType IN ('model', 'dataset', 'space')
              AND regexp_full_match(repoName, '{PART}(/{PART})?') AND NOT contains(repoName, '..')
              AND NOT list_contains(string_split(repoName, '/'), '.')"""
    )
    return {
        "lines_utf8": one(db, "SELECT count(*) FROM lines"),
        "lines_with_nul": one(db, "SELECT count(*) FROM lines WHERE contains(line, chr(0))"),
        "lines_of_ten_columns": one(db, "SELECT count(*) FROM cells"),
        "lines_understood": one(db, "SELECT count(*) FROM requests"),
    }


def load_natively(db, log):
    """DuckDB's own reader with the settings that lose fewest lines of a damaged log."""
    types = dict.fromkeys(COLUMNS, "VARCHAR") | {"timestamp": "TIMESTAMPTZ", "status": "SMALLINT"}
    db.execute(
        f"""CREATE TABLE requests AS
            SELECT epoch_ms(timestamp) AS ms, status, method, repoType AS kind, repoName AS repo,
                   coalesce(hashedUserId, '') AS user_hash, coalesce(hashedIp, '') AS ip_hash
            FROM read_csv('{log}', header = true, delim = ',', quote = '"', escape = '"', auto_detect = false,
                          ignore_errors = true, strict_mode = false, columns = {types})
            WHERE timestamp IS NOT NULL AND repoType IN ('model', 'dataset', 'space') AND repoName <> ''"""
    )
    return {"lines_understood": one(db, "SELECT count(*) FROM requests")}


def derive(db):
    """The rules: what counts, who it is, where sessions start, and on which day everything falls."""
    db.execute("CREATE TABLE repos AS SELECT row_number() OVER () AS repo, * FROM (SELECT DISTINCT kind, repo AS name FROM requests)")
    # A user is somebody else than an address, even with the same hash. Nobody at all is one shared downloader.
    db.execute(
        """CREATE TABLE people AS SELECT row_number() OVER () AS who, * FROM
           (SELECT DISTINCT user_hash <> '' AS signed_in, CASE WHEN user_hash <> '' THEN user_hash ELSE ip_hash END AS hash
            FROM requests)"""
    )
    db.execute(
        """CREATE TABLE counted AS
           SELECT repos.repo, who, signed_in, ms, ms // 86400000 AS day, status
           FROM requests JOIN repos ON repos.kind = requests.kind AND repos.name = requests.repo
           JOIN people ON people.signed_in = (user_hash <> '')
                      AND people.hash = CASE WHEN user_hash <> '' THEN user_hash ELSE ip_hash END
           WHERE method = 'GET' AND status IN (200, 206, 302, 303, 307)"""
    )
    db.execute(
        f"""CREATE TABLE repo_days AS
            SELECT repo, day, count(*) FILTER (starts AND signed_in) AS authenticated,
                   count(*) FILTER (starts AND NOT signed_in) AS anonymous,
                   count(*) FILTER (status <> 206) AS files, count(DISTINCT who) AS unique_downloaders
            FROM (SELECT *, coalesce(ms - lag(ms) OVER (PARTITION BY repo, who ORDER BY ms) >= {GAP_MS}, true) AS starts
                  FROM counted)
            GROUP BY repo, day"""
    )
    db.execute("CREATE TABLE seen AS SELECT DISTINCT repo, day, who FROM counted")
    db.execute(
        """CREATE TABLE totals AS SELECT repo, kind, name, CASE WHEN contains(name, '/') THEN split_part(name, '/', 1) END AS org,
                  sum(authenticated + anonymous)::BIGINT AS downloads, min(day) AS first_day
           FROM repo_days JOIN repos USING (repo) GROUP BY ALL"""
    )


def day_number(day):
    return (day - date(1970, 1, 1)).days


def trending(db, today, kind, days):
    of_kind = "" if kind == "all" else f"AND kind = '{kind}'"
    rank = "CASE kind WHEN 'model' THEN 0 WHEN 'dataset' THEN 1 ELSE 2 END"
    return db.execute(
        f"""SELECT name, kind, downloads, recent FROM
              (SELECT repo, sum(authenticated + anonymous)::BIGINT AS recent FROM repo_days
               WHERE day > {day_number(today) - days} AND day <= {day_number(today)} GROUP BY repo)
            JOIN totals USING (repo) WHERE recent > 0 {of_kind}
            ORDER BY recent DESC, downloads DESC, name, {rank} LIMIT 100"""
    ).fetchall()


def where(scope):
    word, *names = scope
    match word:
        case "hub":
            return "true"
        case "types":
            return f"kind = '{names[0]}'"
        case "orgs":
            return f"org = '{names[0]}'"
        case "repos":
            return f"kind = '{names[0]}' AND name = '{names[1]}'"


def figures(db, scope, first, last):
    """Downloads, authenticated, anonymous, files and downloaders of a scope over a range of days."""
    repos = f"repo IN (SELECT repo FROM totals WHERE {where(scope)})"
    days = f"day BETWEEN {day_number(first)} AND {day_number(last)}"
    sums = db.execute(
        f"""SELECT coalesce(sum(authenticated + anonymous), 0)::BIGINT, coalesce(sum(authenticated), 0)::BIGINT,
                   coalesce(sum(anonymous), 0)::BIGINT, coalesce(sum(files), 0)::BIGINT
            FROM repo_days WHERE {repos} AND {days}"""
    ).fetchone()
    return [*sums, one(db, f"SELECT count(DISTINCT who) FROM seen WHERE {repos} AND {days}")]


def one(db, sql):
    return db.execute(sql).fetchone()[0]


def connect(path, *, fresh=False):
    if fresh and os.path.exists(path):
        os.remove(path)
    return duckdb.connect(path)


def scopes(db, seed):
    """The scopes that are asked about, each with its ranges of days."""
    dice = random.Random(seed)
    whole = (FIRST_DAY, TODAY)

    def some_days():
        a, b = sorted(dice.randrange(DAYS + 1) for _ in range(2))
        return FIRST_DAY + timedelta(days=a), FIRST_DAY + timedelta(days=b)

    orgs = [org for (org,) in db.execute(
        "SELECT org FROM totals WHERE org IS NOT NULL GROUP BY org ORDER BY sum(downloads) DESC, org").fetchall()]
    repos = db.execute("SELECT kind, name FROM totals ORDER BY kind, name").fetchall()
    asked = [(("hub",), [whole] + [some_days() for _ in range(10)])]
    asked += [(("types", kind), [whole] + [some_days() for _ in range(5)]) for kind in ("model", "dataset", "space")]
    asked += [(("orgs", org), [whole] + [some_days() for _ in range(3)]) for org in orgs[:LARGEST_ORGS]]
    asked += [(("orgs", dice.choice(orgs)), [some_days()]) for _ in range(RANDOM_SCOPES)]
    asked += [(("repos", *dice.choice(repos)), [some_days()]) for _ in range(RANDOM_SCOPES)]
    return [(scope, *days) for scope, ranges in asked for days in ranges]


def answer_all(db, seed):
    """Every question but those about single repos, which are tables already."""
    ranks = {
        f"{today} {kind} {days}": trending(db, today, kind, days)
        for today in (TODAY, TODAY - timedelta(days=1))
        for kind in ("all", "model", "dataset", "space")
        for days in (1, 7, 30, 90)
    }
    asked = scopes(db, seed)
    return {"trending": ranks, "scopes": [[scope, str(first), str(last), figures(db, scope, first, last)] for scope, first, last in asked]}


def rival(options):
    db = connect(f"{options.folder}/rival.duckdb", fresh=True)
    started = time.monotonic()
    loaded = load_natively(db, options.log)
    derive(db)
    db.execute("CHECKPOINT")
    cost = {"stored_wall": time.monotonic() - started, "stored_cpu": time.process_time()}
    answer_all(db, options.seed)
    print(json.dumps(loaded | cost))


def oracle(options):
    db = connect(f"{options.folder}/oracle.duckdb", fresh=True)
    report = load_lines(db, options.log)
    report["skipped"] = dict(db.execute(
        """SELECT CASE WHEN status IN (301, 308) THEN 'permanent_redirect' WHEN status >= 400 THEN 'failed' ELSE 'other' END AS why,
                  count(*) FROM requests WHERE status NOT IN (200, 206, 302, 303, 304, 307) GROUP BY why""").fetchall())
    report["events"] = one(db, "SELECT count(*) FROM requests WHERE status IN (200, 206, 302, 303, 304, 307) AND method IN ('GET', 'HEAD')")
    report["no_identity"] = one(
        db, "SELECT count(*) FROM requests WHERE status IN (200, 206, 302, 303, 304, 307) AND user_hash = '' AND ip_hash = ''")
    derive(db)
    report["counted"] = one(db, "SELECT count(*) FROM counted")
    report |= answer_all(db, options.seed)
    report["repos"] = db.execute("SELECT kind, name FROM totals ORDER BY repo").fetchall()
    report["never_counted"] = db.execute("SELECT kind, name FROM repos WHERE repo NOT IN (SELECT repo FROM totals)").fetchall()
    with open(f"{options.folder}/oracle.json", "w") as file:
        json.dump(report, file)


def thorns(options):
    """Lines as some logs have them: without any identity, with both, with a user's hash as an address, in another zone."""
    zone = timezone(timedelta(hours=5, minutes=30))
    with open(options.log + ".plain", "rb") as plain, open(options.log + ".new", "wb") as log:
        for number, line in enumerate(plain):
            thorn = next((step for step in (1009, 2003, 3001, 4001) if number > 0 and number % step == 0), None)
            cells = line.split(b",") if thorn else []
            if len(cells) >= len(COLUMNS) and len(cells[0]) == 24 and b"\0" not in line:
                match thorn:
                    case 1009:
                        cells[5] = cells[6] = b""
                    case 2003:
                        cells[5] = cells[6] = cells[5] or cells[6]
                    case 3001:
                        cells[5], cells[6] = cells[6], cells[5]
                    case 4001:
                        instant = datetime.fromisoformat(cells[0].decode()).astimezone(zone)
                        cells[0] = instant.isoformat(timespec="milliseconds").encode()
                line = b",".join(cells)
            log.write(line)
    os.remove(options.log + ".plain")
    os.rename(options.log + ".new", options.log)


# -- hubtally over HTTP ----------------------------------------------------------------------------------------------

class Connection:
    """One keep-alive connection; nothing but what these answers need."""

    def __init__(self, address):
        self.address, self.socket, self.ahead = address, None, b""

    def get(self, path):
        if self.socket is None:
            self.socket = socket.create_connection(self.address)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: hubtally\r\n\r\n".encode())
        while b"\r\n\r\n" not in self.ahead:
            self.read()
        head, self.ahead = self.ahead.split(b"\r\n\r\n", 1)
        status, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        length = int(headers["content-length"])
        while len(self.ahead) < length:
            self.read()
        body, self.ahead = self.ahead[:length], self.ahead[length:]
        if headers.get("connection") == "close":
            self.socket, self.ahead = None, b""
        return int(status.split()[1]), json.loads(body)

    def read(self):
        more = self.socket.recv(1 << 16)
        if not more:
            raise ConnectionError("the server closed the connection")
        self.ahead += more

    def expect(self, path):
        status, answer = self.get(path)
        if status != 200:
            raise ValueError(f"{path}: {status} {answer}")
        return answer


def ask_repos(address, repos, part, folder):
    """All days and totals of a share of the repos, into files that the judge reads; on several connections."""
    complaints = []

    def work(number, mine):
        connection = Connection(address)
        with open(f"{folder}/days-{part}-{number}.csv", "w") as days, open(f"{folder}/totals-{part}-{number}.csv", "w") as totals:
            for kind, name in mine:
                total = connection.expect(f"/{kind}s/{name}/stats")
                answer = connection.expect(f"/{kind}s/{name}/stats/recent?days=365&include=unique_downloaders")
                period = {"start": str(TODAY - timedelta(days=364)), "end": str(TODAY), "days": 365}
                dates = [row["date"] for row in answer["stats"]]
                first = date.fromisoformat(dates[0])
                expected = [str(first + timedelta(days=n)) for n in range((TODAY - first).days + 1)]
                keys = all(list(row) == ["date", *FIGURES] for row in answer["stats"])
                if answer["period"] != period or dates != expected or not keys or sorted(total) != ["downloads", "likes"]:
                    complaints.append(f"{kind} {name}: {answer['period']} {dates[:1]}..{dates[-1:]}")
                totals.write(f"{kind},{name},{total['downloads']},{total['likes']},{day_number(first)}\n")
                for row in answer["stats"]:
                    values = ",".join(str(row[figure]) for figure in FIGURES)
                    days.write(f"{kind},{name},{day_number(date.fromisoformat(row['date']))},{values}\n")

    count = CONNECTIONS // os.cpu_count()
    threads = [threading.Thread(target=work, args=(n, repos[n::count])) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with open(f"{folder}/complaints-{part}.json", "w") as file:
        json.dump(complaints, file)


def ask(options):
    with open(f"{options.folder}/oracle.json") as file:
        expected = json.load(file)
    folder = f"{options.folder}/answers"
    subprocess.run(["rm", "-rf", folder], check=True)
    os.mkdir(folder)
    address = server_address(options)
    started = time.monotonic()
    cores = os.cpu_count()
    shares = [multiprocessing.Process(target=ask_repos, args=(address, expected["repos"][n::cores], n, folder)) for n in range(cores)]
    for share in shares:
        share.start()
    for share in shares:
        share.join()
    if any(share.exitcode for share in shares):
        sys.exit("asking for the repos failed")
    connection = Connection(address)
    answers = {"repos_s": time.monotonic() - started, "trending": {}, "scopes": [], "hidden": []}
    for kind, name in expected["never_counted"]:
        answers["hidden"].append(connection.get(f"/{kind}s/{name}/stats")[0])
    started = time.monotonic()
    for question in expected["trending"]:
        today, kind, days = question.split()
        if today == str(TODAY):
            answers["trending"][question] = trending_answer(connection, today, kind, days)
    for scope, first, last, _ in expected["scopes"]:
        path, query = "/api/v1/" + "/".join(scope), f"from={first}&to={last}"
        totals, uniques = connection.expect(f"{path}/totals?{query}"), connection.expect(f"{path}/uniques?{query}")
        answers["scopes"].append([*(totals[figure] for figure in FIGURES[:-1]), uniques["unique_downloaders"]])
    answers["scopes_s"] = time.monotonic() - started
    with open(f"{options.folder}/answers.json", "w") as file:
        json.dump(answers, file)


def ask_trending(options):
    """The rankings of a server whose today is the last day of the log, so that one day of them is not empty."""
    connection = Connection(server_address(options))
    with open(f"{options.folder}/oracle.json") as file:
        questions = [question.split() for question in json.load(file)["trending"]]
    today = str(TODAY - timedelta(days=1))
    answers = {" ".join(asked): trending_answer(connection, *asked) for asked in questions if asked[0] == today}
    with open(f"{options.folder}/trending.json", "w") as file:
        json.dump(answers, file)


def trending_answer(connection, today, kind, days):
    answer = connection.expect(f"/api/trending?repo_type={kind}&days={days}&limit=100")
    start = date.fromisoformat(today) - timedelta(days=int(days) - 1)
    if answer["period"] != {"start": str(start), "end": today, "days": int(days)}:
        raise ValueError(f"trending of {today}: {answer['period']}")
    if any(row["likes"] != 0 or row["private"] for row in answer["trending"]):
        raise ValueError("trending lists likes, or a private repo")
    return [[row["id"], row["type"], row["downloads"], row["recent_downloads"]] for row in answer["trending"]]


def server_address(options):
    host, port = options.address.rsplit(":", 1)
    return host, int(port)


# -- the judge -------------------------------------------------------------------------------------------------------

def judge(options):
    with open(f"{options.folder}/oracle.json") as file:
        expected = json.load(file)
    with open(f"{options.folder}/answers.json") as file:
        answers = json.load(file)
    with open(f"{options.folder}/trending.json") as file:
        answers["trending"] |= json.load(file)
    with open(f"{options.folder}/receipt.json") as file:
        receipt = json.load(file)
    db = connect(f"{options.folder}/oracle.duckdb")
    verdicts = []

    def verdict(what, compared, differing, samples=()):
        verdicts.append({"what": what, "compared": compared, "differing": differing, "samples": [str(s) for s in samples][:5]})

    figures = ", ".join(f"'{figure}': 'BIGINT'" for figure in FIGURES)
    db.execute(
        f"""CREATE OR REPLACE TABLE told_days AS SELECT * FROM read_csv('{options.folder}/answers/days-*.csv', header = false,
            delim = ',', auto_detect = false, columns = {{'kind': 'VARCHAR', 'name': 'VARCHAR', 'day': 'BIGINT', {figures}}})"""
    )
    # Days without anything are told too, from a repo's first day until today.
    db.execute(
        f"""CREATE OR REPLACE TABLE expected_days AS
            SELECT kind, name, days.day, coalesce(authenticated + anonymous, 0) AS downloads, coalesce(authenticated, 0) AS authenticated,
                   coalesce(anonymous, 0) AS anonymous, coalesce(files, 0) AS files, coalesce(unique_downloaders, 0) AS unique_downloaders
            FROM totals CROSS JOIN (SELECT unnest(range({day_number(FIRST_DAY)}, {day_number(TODAY) + 1})) AS day) AS days
            LEFT JOIN repo_days ON repo_days.repo = totals.repo AND repo_days.day = days.day WHERE days.day >= first_day"""
    )
    joined = "expected_days AS e FULL OUTER JOIN told_days AS t ON e.kind = t.kind AND e.name = t.name AND e.day = t.day"
    for figure in FIGURES:
        wrong = f"e.{figure} IS DISTINCT FROM t.{figure}"
        compared, differing = db.execute(f"SELECT count(*), count(*) FILTER ({wrong}) FROM {joined}").fetchone()
        samples = db.execute(
            f"SELECT e.kind, e.name, e.day, e.{figure}, t.kind, t.name, t.day, t.{figure} FROM {joined} WHERE {wrong} LIMIT 5").fetchall()
        verdict(f"repo-days: {figure}", compared, differing, samples)
    nonzero = one(db, "SELECT count(*) FROM repo_days")
    db.execute(
        f"""CREATE OR REPLACE TABLE told_totals AS SELECT * FROM read_csv('{options.folder}/answers/totals-*.csv', header = false,
            delim = ',', auto_detect = false, columns = {{'kind': 'VARCHAR', 'name': 'VARCHAR', 'downloads': 'BIGINT',
            'likes': 'BIGINT', 'first_day': 'BIGINT'}})"""
    )
    joined = "totals AS e FULL OUTER JOIN told_totals AS t ON e.kind = t.kind AND e.name = t.name"
    for figure in ("downloads", "first_day"):
        wrong = f"e.{figure} IS DISTINCT FROM t.{figure}"
        compared, differing = db.execute(f"SELECT count(*), count(*) FILTER ({wrong}) FROM {joined}").fetchone()
        samples = db.execute(f"SELECT e.name, e.{figure}, t.{figure} FROM {joined} WHERE {wrong} LIMIT 5").fetchall()
        verdict(f"repos: {'all-time downloads' if figure == 'downloads' else 'first day'}", compared, differing, samples)
    complaints = []
    for part in range(os.cpu_count()):
        with open(f"{options.folder}/answers/complaints-{part}.json") as file:
            complaints += json.load(file)
    verdict("repos: period, dates and keys of the answer", len(expected["repos"]), len(complaints), complaints)
    visible = [status for status in answers["hidden"] if status != 404]
    verdict("repos never counted: 404", len(answers["hidden"]), len(visible), visible)

    compared, wrong = 0, []
    for (scope, first, last, right), told in zip(expected["scopes"], answers["scopes"], strict=True):
        for figure, a, b in zip(FIGURES, right, told, strict=True):
            compared += 1
            if a != b:
                wrong.append(f"{'/'.join(scope)} {first}..{last} {figure}: oracle {a}, hubtally {b}")
    verdict("scopes over ranges: downloads, both audiences, files, uniques", compared, len(wrong), wrong)
    compared, wrong = 0, []
    for question, right in expected["trending"].items():
        told = answers["trending"][question]
        for place in range(max(len(right), len(told))):
            compared += 1
            a, b = (rank[place] if place < len(rank) else None for rank in (right, told))
            if a != b:
                wrong.append(f"{question} place {place + 1}: oracle {a}, hubtally {b}")
    verdict("trending: id, type, all time, recent, place", compared, len(wrong), wrong)

    lines = options.rows
    rejected = sum(receipt["rejected"].values())
    pairs = {
        "lines": (lines, receipt["lines"]),
        "lines rejected": (lines - expected["lines_understood"], rejected),
        "lines skipped": (expected["skipped"], receipt["skipped"]),
        "events": (expected["events"], receipt["accepted"] + receipt["repeated"]),
        "events without identity": (expected["no_identity"], receipt["no_identity"]),
    }
    wrong = [f"{what}: oracle {a}, hubtally {b}" for what, (a, b) in pairs.items() if a != b]
    verdict("receipt: lines, rejected, skipped, events, no identity", len(pairs), len(wrong), wrong)
    print(json.dumps({"verdicts": verdicts, "repo_days_with_events": nonzero, "rejected": receipt["rejected"]}))


# -- all of it -------------------------------------------------------------------------------------------------------

def measured(command, **keywords):
    """Runs a process; its output, wall and CPU seconds and peak memory."""
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **keywords)
    output = process.stdout.read()
    return output, finished(process, started)


def finished(process, started):
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{process.args[:3]} failed with {process.returncode}")
    return {"wall": time.monotonic() - started, "cpu": usage.ru_utime + usage.ru_stime, "mb": usage.ru_maxrss / 1024}


def served(options, now, step):
    """Runs a step against a server whose clock stands at an instant; what the server cost."""
    command = [options.hubtally, "serve", "--data", f"{options.folder}/data", "--listen", "127.0.0.1:0", "--visibility", "public", "--now", now]
    started = time.monotonic()
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        address = server.stdout.readline().strip().removeprefix("listening on http://")
        ready = time.monotonic() - started
        this(options, step, "--address", address)
    finally:
        server.terminate()
    return finished(server, started) | {"ready": ready}


def this(options, step, *more):
    common = ["--rows", str(options.rows), "--folder", options.folder, "--log", options.log, "--seed", str(options.seed)]
    return measured([sys.executable, __file__, step, *common, *more])


def allocated(*paths):
    files = [path if os.path.isfile(path) else os.path.join(path, name) for path in paths for name in (os.listdir(path) if os.path.isdir(path) else [""])]
    return sum(os.stat(file).st_blocks * 512 for file in files)


def everything(options):
    options.log = f"{options.folder}/log-{options.rows}-{options.seed}.csv"
    if not os.path.exists(options.log):
        command = [options.hubtally, "generate", "--rows", str(options.rows), "--seed", str(options.seed)]
        measured([*command, "--output", options.log + ".plain"], stderr=subprocess.DEVNULL)
        this(options, "thorns")
    subprocess.run(["cat", options.log], stdout=subprocess.DEVNULL, check=True)
    data = f"{options.folder}/data"
    imports, rivals = [], []
    # One after the other, round by round, so that both sides see the same machine.
    for _ in range(options.rounds):
        subprocess.run(["rm", "-rf", data], check=True)
        receipt, cost = measured([options.hubtally, "import", "--json", "--data", data, options.log], stderr=subprocess.DEVNULL)
        imports.append(cost)
        output, cost = this(options, "rival")
        rivals.append(cost | json.loads(output))
    with open(f"{options.folder}/receipt.json", "w") as file:
        file.write(receipt)
    this(options, "oracle")
    server = served(options, f"{TODAY}T12:00:00Z", "ask")
    served(options, f"{TODAY - timedelta(days=1)}T23:59:59Z", "ask-trending")
    output, _ = this(options, "judge")
    show(options, json.loads(output), imports, rivals, server)


def median(costs, key):
    return sorted(cost[key] for cost in costs)[len(costs) // 2]


def show(options, judged, imports, rivals, server):
    rows = options.rows
    print(f"{rows:,} rows, {os.path.getsize(options.log):,} bytes, seed {options.seed}\n")
    print(f"{'compared':>12} {'differing':>10}")
    for verdict in judged["verdicts"]:
        print(f"{verdict['compared']:>12,} {verdict['differing']:>10,}  {verdict['what']}")
        for sample in verdict["samples"]:
            print(f"{'':>25}{sample}")
    compared = sum(verdict["compared"] for verdict in judged["verdicts"])
    differing = sum(verdict["differing"] for verdict in judged["verdicts"])
    print(f"{compared:>12,} {differing:>10,}  in all; {judged['repo_days_with_events']:,} repo-days have events\n")
    with open(f"{options.folder}/answers.json") as file:
        answers = json.load(file)
    ours = {key: median(imports, key) for key in ("wall", "cpu", "mb")}
    theirs = {key: median(rivals, key) for key in ("wall", "cpu", "mb", "stored_wall", "stored_cpu")}
    print(f"median of {options.rounds:<26} {'wall s':>8} {'CPU s':>8} {'peak MB':>8} {'M rows/s':>9} {'bytes/row':>10}")

    def line(name, wall, cpu, mb="", disk=None):
        speed = f"{rows / wall / 1e6:>9.2f}" if disk else ""
        print(f"{name:<36} {wall:>8.2f} {cpu:>8.2f} {mb:>8} {speed} {f'{disk / rows:>10.2f}' if disk else ''}".rstrip())

    line("hubtally: durable, views included", ours["wall"], ours["cpu"], round(ours["mb"]), allocated(f"{options.folder}/data"))
    line("DuckDB: tables with repo-days", theirs["stored_wall"], theirs["stored_cpu"], round(theirs["mb"]), allocated(f"{options.folder}/rival.duckdb"))
    line("DuckDB / hubtally", theirs["stored_wall"] / ours["wall"], theirs["stored_cpu"] / ours["cpu"], f"{theirs['mb'] / ours['mb']:.2f}")
    answered = theirs["wall"] - theirs["stored_wall"]
    print(f"\n{len(answers['scopes'])} scopes and {2 * len(answers['trending'])} rankings after that: hubtally {answers['scopes_s']:.2f} s over HTTP, "
          f"DuckDB {answered:.2f} s in process, {theirs['cpu'] - theirs['stored_cpu']:.2f} CPU s")
    print(f"hubtally serves after {server['ready'] * 1e3:.0f} ms; all repos asked in {answers['repos_s']:.1f} s; the server took "
          f"{server['cpu']:.1f} CPU s and {server['mb']:.0f} MB")
    lost = rows - sum(judged["rejected"].values()) - rivals[0]["lines_understood"]
    print(f"DuckDB's own CSV reader gives {lost:,} lines fewer, since open quotes swallow good ones; rejected by hubtally: {judged['rejected']}")
    if differing:
        sys.exit(1)


def main():
    steps = {"all": everything, "thorns": thorns, "rival": rival, "oracle": oracle, "ask": ask, "ask-trending": ask_trending, "judge": judge}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("step", choices=steps)
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--folder", required=True)
    parser.add_argument("--hubtally")
    parser.add_argument("--log")
    parser.add_argument("--address")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    steps[options.step](options)


if __name__ == "__main__":
    main()
