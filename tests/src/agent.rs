//! A day of an agent with many tools, made up: sixty tools of ten servers, eighty texts of a user.
//!
//! The same at every run, so that what `ipc` and `mcp-optimizer` save can be compared.

use serde_json::{Value, json};

use crate::session::{Session, Shape, Topic};
use crate::strict::Rules;

/// The conversation, as it grows.
pub fn session(rules: Rules) -> Session {
    let shape = Shape { turns: 80, rounds: 4, words: 60, said: 400, pictures: 0, topics: TOPICS };
    let mut session = Session::new(rules, SEED, shape, &[]);
    session.frame.insert("tools".to_owned(), tools(rules));
    if rules != Rules::Generate {
        session.frame.insert("model".to_owned(), model(rules).into());
    }
    session
}

/// The model that is asked.
pub fn model(rules: Rules) -> &'static str {
    match rules {
        Rules::Messages => "claude-sonnet-4-5",
        Rules::Chat => "gpt-4o",
        Rules::Responses => "o3",
        Rules::Generate => "gemini-2.5-flash",
    }
}

/// What the model may call.
pub fn tools(rules: Rules) -> Value {
    let declared = SERVERS.iter().flat_map(|(server, what, tools)| {
        tools.iter().map(move |(tool, does)| {
            let name = format!("mcp__{server}__{tool}");
            let description = format!(
                "{does}. Part of the {what}. Returns JSON with the fields that were asked for, at \
                 most one hundred entries a page; ask for the next page with its cursor."
            );
            let schema = json!({"type": "object", "properties": {
                "id": {"type": "string", "description": "What to look at, as an earlier call returned it"},
                "fields": {"type": "array", "items": {"type": "string"}, "description": "The fields to return"},
                "cursor": {"type": "string", "description": "The page, as the call before returned it"},
                "limit": {"type": "integer", "minimum": 1, "maximum": 100}}});
            match rules {
                Rules::Messages => {
                    json!({"name": name, "description": description, "input_schema": schema})
                }
                Rules::Chat => json!({"type": "function", "function":
                    {"name": name, "description": description, "parameters": schema}}),
                Rules::Responses => json!({"type": "function",
                    "name": name, "description": description, "parameters": schema}),
                Rules::Generate => {
                    json!({"name": name, "description": description, "parameters": schema})
                }
            }
        })
    });
    let declared: Vec<Value> = declared.collect();
    match rules {
        Rules::Generate => json!([{"functionDeclarations": declared}]),
        _ => declared.into(),
    }
}

const SEED: u64 = 20_261_122;

const TOPICS: &[Topic] = &[
    Topic {
        text: "Which issues are open for the billing repository, and who works on them?",
        tools: &["mcp__github__list_issues", "mcp__github__read_issue"],
    },
    Topic {
        text: "Look at the pull request for the retry limit and review its diff.",
        tools: &["mcp__github__read_pull_request", "mcp__github__read_diff"],
    },
    Topic {
        text: "Query the orders table in the database for duplicates.",
        tools: &["mcp__database__run_query", "mcp__database__describe_table"],
    },
    Topic {
        text: "Post a short summary to the release channel.",
        tools: &["mcp__chat__post_message"],
    },
];

type Server = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

const SERVERS: &[Server] = &[
    (
        "github",
        "code hosting service",
        &[
            ("list_issues", "Lists issues of a repository"),
            ("read_issue", "Reads one issue with its comments"),
            ("create_issue", "Opens a new issue in a repository"),
            ("read_pull_request", "Reads a pull request and its reviews"),
            ("read_diff", "Shows the diff of a pull request"),
            ("merge_pull_request", "Merges a pull request"),
        ],
    ),
    (
        "database",
        "reporting database",
        &[
            ("run_query", "Runs a read-only SQL query"),
            ("list_tables", "Lists the tables of a database"),
            ("describe_table", "Shows the columns of a table"),
            ("explain_query", "Shows how a query would run"),
            ("list_locks", "Lists the locks that are held"),
            ("table_sizes", "Tells how large tables are"),
        ],
    ),
    (
        "chat",
        "chat of the company",
        &[
            ("post_message", "Posts a message to a channel"),
            ("read_channel", "Reads the messages of a channel"),
            ("list_channels", "Lists channels"),
            ("find_person", "Finds a person by name"),
            ("add_reaction", "Reacts to a message"),
            ("set_status", "Sets the status of the account"),
        ],
    ),
    (
        "calendar",
        "calendar",
        &[
            ("list_events", "Lists events of a day"),
            ("create_event", "Invites people to an event"),
            ("move_event", "Moves an event to another time"),
            ("cancel_event", "Cancels an event"),
            ("free_slots", "Finds times at which everybody is free"),
            ("list_rooms", "Lists meeting rooms"),
        ],
    ),
    (
        "mail",
        "mailbox",
        &[
            ("search_mail", "Searches mail by sender and subject"),
            ("read_mail", "Reads a mail"),
            ("send_mail", "Sends a mail"),
            ("draft_mail", "Writes a draft"),
            ("label_mail", "Puts a label on a mail"),
            ("archive_mail", "Archives a mail"),
        ],
    ),
    (
        "wiki",
        "wiki",
        &[
            ("search_pages", "Searches pages of the wiki"),
            ("read_page", "Reads a page"),
            ("write_page", "Writes a page"),
            ("page_history", "Shows who changed a page"),
            ("list_spaces", "Lists spaces of the wiki"),
            ("export_page", "Exports a page as PDF"),
        ],
    ),
    (
        "cloud",
        "cloud account",
        &[
            ("list_instances", "Lists virtual machines"),
            ("restart_instance", "Restarts a virtual machine"),
            ("read_metrics", "Reads metrics of a machine"),
            ("list_buckets", "Lists storage buckets"),
            ("read_costs", "Reads what the account costs"),
            ("list_alarms", "Lists alarms"),
        ],
    ),
    (
        "deploy",
        "deployment service",
        &[
            ("list_deployments", "Lists deployments of a service"),
            ("start_deployment", "Starts a deployment"),
            ("roll_back", "Rolls a deployment back"),
            ("read_log", "Reads the log of a deployment"),
            ("list_flags", "Lists feature flags"),
            ("set_flag", "Turns a feature flag on or off"),
        ],
    ),
    (
        "crm",
        "customer records",
        &[
            ("find_customer", "Finds a customer"),
            ("read_customer", "Reads a customer's record"),
            ("add_note", "Adds a note to a customer's record"),
            ("list_contracts", "Lists contracts of a customer"),
            ("list_invoices", "Lists invoices of a customer"),
            ("open_ticket", "Opens a support ticket"),
        ],
    ),
    (
        "design",
        "design files",
        &[
            ("list_files", "Lists design files"),
            ("read_frame", "Reads a frame of a design"),
            ("export_image", "Exports an image"),
            ("list_comments", "Lists comments on a design"),
            ("list_colours", "Lists the colours of a palette"),
            ("list_fonts", "Lists fonts"),
        ],
    ),
];
