/** Sessions at the command line, as data: what is typed, and what comes of it. */

export interface Step {
  readonly run: readonly string[];
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly exit: number;
  /** Lines; `masked` texts. Absent: not looked at. */
  readonly stdout?: readonly string[];
  readonly stderr?: readonly string[];
}

export interface Session {
  readonly name: string;
  readonly steps: readonly Step[];
}

const CREATED: Step = { run: ["init"], exit: 0, stdout: ["Ready: <folder>/.flow"], stderr: [] };

export const SESSIONS: readonly Session[] = [
  {
    name: "one agent works through a small plan",
    steps: [
      CREATED,
      {
        run: ["feature", "create", "Tables", "--category", "base"],
        exit: 0,
        stdout: ["☐ Created #1 Tables"],
        stderr: [],
      },
      {
        run: [
          "feature",
          "create",
          "Log in",
          "--step",
          "Form",
          "--step",
          "Session",
          "--depends",
          "1",
        ],
        exit: 0,
        stdout: ["⚠ Created #2 Log in"],
      },
      {
        run: ["feature", "list"],
        exit: 0,
        stdout: [
          "   ID  PRIORITY  NAME    CATEGORY  NEEDS  AGENT",
          "☐   1         1  Tables  base",
          "⚠   2         2  Log in            1",
        ],
      },
      {
        run: ["feature", "claim", "--next", "--actor", "ann", "--lease", "30m"],
        exit: 0,
        stdout: ["◧ Claimed #1 Tables"],
      },
      {
        run: ["feature", "claim", "1", "--actor", "bob"],
        exit: 5,
        stdout: [],
      },
      { run: ["feature", "next"], exit: 0, stdout: ["All features that are left wait for others"] },
      { run: ["feature", "pass", "1"], exit: 0, stdout: ["☑ Passing #1 Tables"] },
      {
        run: ["feature", "claim", "2", "--actor", "ann"],
        exit: 0,
        stdout: ["◧ Claimed #2 Log in"],
      },
      {
        run: ["feature", "next"],
        exit: 0,
        stdout: ["All features that are left are in progress"],
      },
      {
        run: ["feature", "graph"],
        exit: 0,
        stdout: ["◧ #2 Log in", "└─ ☑ #1 Tables"],
      },
      { run: ["feature", "pass", "2"], exit: 0, stdout: ["☑ Passing #2 Log in"] },
      { run: ["feature", "next"], exit: 0, stdout: ["All features are passing"] },
      {
        run: ["feature", "stats"],
        exit: 0,
        stdout: ["total: 2", "passing: 2", "failing: 0", "inProgress: 0", "blocked: 0"],
      },
      {
        run: ["feature", "history", "1"],
        exit: 0,
        stdout: [
          "TIME                      EVENT          CHANGE                            AGENT",
          "<time>  created                                          tester",
          "<time>  claimed        status: pending -> in_progress    ann",
          "<time>  status_change  status: in_progress -> completed  tester",
        ],
      },
    ],
  },
  {
    name: "several at once, all or none",
    steps: [
      CREATED,
      {
        run: ["feature", "create", "--from-json", "-"],
        input: '[{"name":"A"},{"name":"B","dependencies":[{"index":0}]},{"name":"C"}]',
        exit: 0,
        stdout: ["☐ Created #1 A", "⚠ Created #2 B", "☐ Created #3 C"],
      },
      { run: ["feature", "pass", "1", "9"], exit: 3, stdout: [] },
      {
        run: ["feature", "ready"],
        exit: 0,
        stdout: [
          "   ID  PRIORITY  NAME  CATEGORY  NEEDS  AGENT",
          "☐   1         1  A",
          "☐   3         3  C",
        ],
      },
      {
        run: ["feature", "pass", "-"],
        input: "1\n3\n",
        exit: 0,
        stdout: ["☑ Passing #1 A", "☑ Passing #3 C"],
      },
      { run: ["feature", "fail", "1", "--quiet"], exit: 0, stdout: [], stderr: [] },
      {
        run: ["feature", "blocked"],
        exit: 0,
        stdout: [
          "   ID  PRIORITY  NAME  CATEGORY  NEEDS  AGENT",
          "⚠   2         2  B               1",
        ],
      },
      { run: ["feature", "start", "1"], exit: 0, stdout: ["◧ In progress #1 A"] },
      { run: ["feature", "start", "1"], exit: 5, stdout: [] },
      { run: ["feature", "release", "1"], exit: 0, stdout: ["☐ Released #1 A"] },
      { run: ["feature", "release", "--expired"], exit: 0, stdout: ["No lease is over"] },
      { run: ["feature", "skip", "1"], exit: 0, stdout: ["☐ Skipped #1 A"] },
    ],
  },
  {
    name: "edges, edits and an end",
    steps: [
      CREATED,
      { run: ["feature", "create", "A"], exit: 0 },
      { run: ["feature", "create", "B"], exit: 0 },
      { run: ["feature", "create", "C"], exit: 0 },
      { run: ["feature", "dep", "add", "3", "1", "2"], exit: 0, stdout: ["⚠ Updated #3 C"] },
      { run: ["feature", "dep", "add", "1", "2", "3"], exit: 5, stdout: [] },
      {
        run: ["feature", "graph"],
        env: { LANG: "C" },
        exit: 0,
        stdout: ["[!] #3 C", "|- [ ] #1 A", "`- [ ] #2 B"],
      },
      { run: ["feature", "dep", "rm", "3", "1"], exit: 0, stdout: ["⚠ Updated #3 C"] },
      { run: ["feature", "dep", "set", "3"], exit: 0, stdout: ["☐ Updated #3 C"] },
      { run: ["feature", "dep", "set", "3", "2"], exit: 0, stdout: ["⚠ Updated #3 C"] },
      {
        run: [
          "feature",
          "update",
          "3",
          "--set",
          "name=See",
          "--set",
          "priority=-4",
          "--set",
          'mood="good"',
        ],
        exit: 0,
        stdout: ["⚠ Updated #3 See"],
      },
      {
        run: ["feature", "delete", "2", "--dry-run"],
        exit: 0,
        stdout: ["Would delete #2; #3 no longer waits for it"],
      },
      {
        run: ["feature", "delete", "2"],
        exit: 0,
        stdout: ["Deleted #2; #3 no longer waits for it"],
      },
      {
        run: ["feature", "list"],
        exit: 0,
        stdout: [
          "   ID  PRIORITY  NAME  CATEGORY  NEEDS  AGENT",
          "☐   3        -4  See",
          "☐   1         1  A",
        ],
      },
      {
        run: ["feature", "show", "2"],
        exit: 3,
        stdout: [],
        stderr: ["flowstore: There is no feature 2"],
      },
    ],
  },
  {
    name: "mistyped",
    steps: [
      {
        run: ["featur", "list"],
        exit: 2,
        stdout: [],
        stderr: ['flowstore: There is no command "featur"', '  Did you mean "feature"?'],
      },
      {
        run: ["feature", "clam", "1"],
        exit: 2,
        stdout: [],
        stderr: [
          'flowstore: There is no command "feature clam"',
          '  Did you mean "feature claim"?',
        ],
      },
      {
        run: ["feature", "list", "--satus", "ready"],
        exit: 2,
        stderr: ['flowstore: There is no option "--satus" here', '  Did you mean "--status"?'],
      },
      {
        run: ["feature", "list", "--limit"],
        exit: 2,
        stderr: [
          'flowstore: The option "--limit" needs a value',
          "  Written as --limit=VALUE, the value may begin with a dash.",
        ],
      },
      {
        run: ["server", "start"],
        exit: 2,
        stderr: [
          'flowstore: There is no command "server"',
          "  flowstore --help lists the commands.",
        ],
      },
    ],
  },
];
