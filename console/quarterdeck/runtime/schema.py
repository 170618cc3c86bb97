"""The tables of an instance's state, as forward migrations: number n of the list takes a database from version n to n+1."""

Migration = tuple[str, ...]

_JOBS: Migration = (
    """
    CREATE TABLE job (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        job_type TEXT NOT NULL,
        plugin TEXT NOT NULL,
        action TEXT NOT NULL,
        target TEXT NOT NULL,
        parameters TEXT NOT NULL,
        settings TEXT NOT NULL,
        runs_in TEXT NOT NULL,
        key TEXT NOT NULL,
        priority INTEGER NOT NULL,
        after INTEGER NOT NULL,
        not_before REAL NOT NULL,
        state TEXT NOT NULL,
        gate TEXT NOT NULL,
        attempt INTEGER NOT NULL,
        max_attempts INTEGER NOT NULL,
        attempt_budget INTEGER NOT NULL,
        cancel_requested INTEGER NOT NULL,
        created REAL NOT NULL,
        started REAL NOT NULL,
        ended REAL NOT NULL,
        progress REAL NOT NULL,
        message TEXT NOT NULL,
        error TEXT,
        value TEXT,
        steps TEXT NOT NULL,
        artefacts TEXT NOT NULL,
        checkpoint TEXT
    ) STRICT
    """,
    "CREATE UNIQUE INDEX job_live_key ON job (key) WHERE key <> '' AND state IN ('queued', 'running')",
    # The head of each lane (plugin and job type) is one step down this index, however many jobs wait.
    "CREATE INDEX job_head ON job (plugin, job_type, priority DESC, number) WHERE state = 'queued' AND gate = 'open'",
    "CREATE INDEX job_due ON job (not_before) WHERE state = 'queued' AND gate = 'time'",
    "CREATE INDEX job_after ON job (after) WHERE state = 'queued' AND gate = 'after'",
    "CREATE INDEX job_state ON job (state)",
    """
    CREATE TABLE job_event (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        job INTEGER NOT NULL REFERENCES job (number),
        time REAL NOT NULL,
        event TEXT NOT NULL,
        attempt INTEGER NOT NULL,
        detail TEXT NOT NULL
    ) STRICT
    """,
    "CREATE INDEX job_event_job ON job_event (job, number)",
    "CREATE TRIGGER job_event_fixed BEFORE UPDATE ON job_event BEGIN SELECT RAISE(ABORT, 'history is append-only'); END",
    "CREATE TRIGGER job_event_kept BEFORE DELETE ON job_event BEGIN SELECT RAISE(ABORT, 'history is append-only'); END",
    """
    CREATE TABLE job_dataset (
        job INTEGER NOT NULL REFERENCES job (number),
        dataset TEXT NOT NULL,
        PRIMARY KEY (job, dataset)
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX job_dataset_dataset ON job_dataset (dataset, job)",
)

_JOURNAL: Migration = (
    """
    CREATE TABLE journal (
        entry INTEGER PRIMARY KEY AUTOINCREMENT,
        time REAL NOT NULL,
        actor TEXT NOT NULL,
        action TEXT NOT NULL,
        address TEXT NOT NULL,
        decision TEXT NOT NULL,
        parameters TEXT NOT NULL,
        outcome TEXT NOT NULL,
        detail TEXT NOT NULL,
        job TEXT NOT NULL
    ) STRICT
    """,
    "CREATE INDEX journal_open ON journal (entry) WHERE outcome = ''",
    """
    CREATE TRIGGER journal_fixed BEFORE UPDATE ON journal WHEN OLD.outcome <> ''
    BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END
    """,
    "CREATE TRIGGER journal_kept BEFORE DELETE ON journal BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END",
)

_DATASETS: Migration = (
    """
    CREATE TABLE dataset (
        name TEXT PRIMARY KEY,
        title TEXT NOT NULL,
        source TEXT NOT NULL,
        time_column TEXT NOT NULL,
        frequency TEXT NOT NULL,
        time_zone TEXT NOT NULL,
        value_columns TEXT NOT NULL,
        target TEXT NOT NULL,
        rows INTEGER NOT NULL,
        gaps INTEGER NOT NULL,
        starts REAL NOT NULL,
        ends REAL NOT NULL,
        bytes INTEGER NOT NULL,
        sha256 TEXT NOT NULL,
        imported REAL NOT NULL,
        sample INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
)

_SCHEDULES: Migration = (
    """
    CREATE TABLE schedule (
        name TEXT PRIMARY KEY,
        rule TEXT NOT NULL,
        zone TEXT NOT NULL,
        action TEXT NOT NULL,
        target TEXT NOT NULL,
        parameters TEXT NOT NULL,
        settings TEXT NOT NULL,
        priority INTEGER NOT NULL,
        confirmed INTEGER NOT NULL,
        typed_name TEXT NOT NULL,
        misfire TEXT NOT NULL,
        misfire_limit INTEGER NOT NULL,
        overlap TEXT NOT NULL,
        enabled INTEGER NOT NULL,
        created REAL NOT NULL,
        changed REAL NOT NULL,
        handled REAL NOT NULL,
        claimed REAL NOT NULL,
        claim_mark INTEGER NOT NULL,
        last REAL NOT NULL,
        last_outcome TEXT NOT NULL,
        last_detail TEXT NOT NULL,
        last_job TEXT NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
    # Whether a claimed due time was requested before the runtime died is looked up here.
    "CREATE INDEX journal_actor ON journal (actor, entry)",
)

_SEVERAL_AFTER: Migration = (
    # A job may come after several others: their numbers as JSON for whoever reads the job, and one row each for whoever ends.
    "ALTER TABLE job ADD COLUMN comes_after TEXT NOT NULL DEFAULT '[]'",
    "UPDATE job SET comes_after = json_array(after) WHERE after <> 0",
    "DROP INDEX job_after",
    """
    CREATE TABLE job_after (
        before INTEGER NOT NULL REFERENCES job (number),
        job INTEGER NOT NULL REFERENCES job (number),
        PRIMARY KEY (before, job)
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX job_after_job ON job_after (job)",
    "INSERT INTO job_after SELECT after, number FROM job WHERE after IN (SELECT number FROM job)",
    "ALTER TABLE job DROP COLUMN after",
)

_PROCESSES: Migration = (
    """
    CREATE TABLE process (
        name TEXT PRIMARY KEY,
        plugin TEXT NOT NULL,
        backend TEXT NOT NULL,
        process_type TEXT NOT NULL,
        parameters TEXT NOT NULL,
        desired TEXT NOT NULL,
        count INTEGER NOT NULL,
        created REAL NOT NULL,
        removed INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE process_instance (
        process TEXT NOT NULL REFERENCES process (name),
        number INTEGER NOT NULL,
        token TEXT NOT NULL,
        guard TEXT NOT NULL,
        started REAL NOT NULL,
        failures INTEGER NOT NULL,
        restarts INTEGER NOT NULL,
        not_before REAL NOT NULL,
        crash_loop INTEGER NOT NULL,
        reason TEXT NOT NULL,
        PRIMARY KEY (process, number)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE process_event (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        process TEXT NOT NULL,
        instance INTEGER NOT NULL,
        time REAL NOT NULL,
        event TEXT NOT NULL,
        detail TEXT NOT NULL
    ) STRICT
    """,
    "CREATE INDEX process_event_process ON process_event (process, number)",
)

_CONTROLLERS: Migration = (
    """
    CREATE TABLE controller (
        backend TEXT NOT NULL,
        controller TEXT NOT NULL,
        enabled INTEGER NOT NULL,
        confirmed INTEGER NOT NULL,
        interval REAL NOT NULL,
        parameters TEXT NOT NULL,
        state TEXT NOT NULL,
        looking REAL NOT NULL,
        next_look REAL NOT NULL,
        last REAL NOT NULL,
        decision TEXT NOT NULL,
        sentence TEXT NOT NULL,
        failures INTEGER NOT NULL,
        looks INTEGER NOT NULL,
        acts INTEGER NOT NULL,
        changed REAL NOT NULL,
        PRIMARY KEY (backend, controller)
    ) STRICT, WITHOUT ROWID
    """,
)

_JOB_PARTS: Migration = (
    # What finished steps gave, where secrets lie among the parameters, and which jobs an attempt has started under which key.
    "ALTER TABLE job ADD COLUMN done TEXT NOT NULL DEFAULT '{}'",
    "ALTER TABLE job ADD COLUMN secrets TEXT NOT NULL DEFAULT '[]'",
    """
    CREATE TABLE job_child (
        parent INTEGER NOT NULL,
        key TEXT NOT NULL,
        token INTEGER NOT NULL,
        child INTEGER NOT NULL,
        PRIMARY KEY (parent, key)
    ) STRICT, WITHOUT ROWID
    """,
)

_JOURNAL_CHECKS: Migration = (
    # What was found out later about a request whose outcome was unknown stands beside it; the entry itself is never changed.
    """
    CREATE TABLE journal_check (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        entry INTEGER NOT NULL REFERENCES journal (entry),
        time REAL NOT NULL,
        actor TEXT NOT NULL,
        verdict TEXT NOT NULL,
        detail TEXT NOT NULL
    ) STRICT
    """,
    "CREATE INDEX journal_check_entry ON journal_check (entry, number)",
)

_TIMELINE: Migration = (
    """
    CREATE TABLE timeline (
        number INTEGER PRIMARY KEY,
        address TEXT NOT NULL,
        time REAL NOT NULL,
        health TEXT NOT NULL,
        state TEXT NOT NULL,
        reason TEXT NOT NULL
    ) STRICT
    """,
    "CREATE INDEX timeline_address ON timeline (address, number)",
)

_RETENTION: Migration = (
    # The history of a job goes with the job only, and the journal only from its beginning, up to what `journal_retention` says.
    "DROP TRIGGER job_event_kept",
    """
    CREATE TRIGGER job_event_kept BEFORE DELETE ON job_event WHEN EXISTS (SELECT 1 FROM job WHERE number = OLD.job)
    BEGIN SELECT RAISE(ABORT, 'history is append-only'); END
    """,
    "CREATE TABLE journal_retention (until INTEGER NOT NULL) STRICT",
    "INSERT INTO journal_retention VALUES (0)",
    "DROP TRIGGER journal_kept",
    """
    CREATE TRIGGER journal_kept BEFORE DELETE ON journal WHEN OLD.entry >= (SELECT until FROM journal_retention)
    BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END
    """,
)

_SEVERAL_TARGETS: Migration = (
    # A schedule may act on several resources, and remembers what happened at each of its times.
    "ALTER TABLE schedule ADD COLUMN targets TEXT NOT NULL DEFAULT '[]'",
    "UPDATE schedule SET targets = json_array(target) WHERE target <> ''",
    "ALTER TABLE schedule DROP COLUMN target",
    "ALTER TABLE schedule ADD COLUMN typed_names TEXT NOT NULL DEFAULT '[]'",
    "UPDATE schedule SET typed_names = json_array(typed_name) WHERE typed_name <> ''",
    "ALTER TABLE schedule DROP COLUMN typed_name",
    """
    CREATE TABLE schedule_run (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        schedule TEXT NOT NULL,
        due REAL NOT NULL,
        time REAL NOT NULL,
        occasion TEXT NOT NULL,
        target TEXT NOT NULL,
        outcome TEXT NOT NULL,
        detail TEXT NOT NULL,
        job TEXT NOT NULL
    ) STRICT
    """,
    "CREATE INDEX schedule_run_schedule ON schedule_run (schedule, number)",
    "CREATE INDEX schedule_run_job ON schedule_run (job)",
)

_AUTHORIZING: Migration = (
    # Plugins that may refuse requests: one that breaks must not let everything pass because it no longer says that it wants to be asked.
    "CREATE TABLE authorizing_plugin (plugin TEXT PRIMARY KEY) STRICT, WITHOUT ROWID",
)

MIGRATIONS: tuple[Migration, ...] = (
    (*_JOBS, *_JOURNAL, *_DATASETS),
    _SCHEDULES,
    _SEVERAL_AFTER,
    _PROCESSES,
    _CONTROLLERS,
    _JOB_PARTS,
    _JOURNAL_CHECKS,
    _TIMELINE,
    _RETENTION,
    _SEVERAL_TARGETS,
    _AUTHORIZING,
)
