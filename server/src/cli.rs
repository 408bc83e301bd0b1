//! The command line, as clap reads it. What each command does is in the module of its name.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Exit code of an invalid command line or configuration (`EX_USAGE` of sysexits.h).
pub(crate) const EXIT_CONFIGURATION: u8 = 64;
/// Exit code when something outside the configuration forbids a start: an address in use, for example (`EX_UNAVAILABLE`).
pub(crate) const EXIT_UNAVAILABLE: u8 = 69;
/// Exit code when a core ended that should not have (`EX_SOFTWARE`).
pub(crate) const EXIT_SOFTWARE: u8 = 70;

const LONG_ABOUT: &str = "\
Ringway answers HTTP requests as Amazon API Gateway does, on your own Linux hosts.

It reads two kinds of files. The process file (ringway.toml) says how this process runs: cores, addresses,
limits; changing it needs a restart. API files say what is served: each names an OpenAPI document with
x-amazon-apigateway-integration, and its stages; they are reloaded while requests are being served.";

const EXAMPLES: &str = "\
Examples:
  ringway demo                              a pet store on http://127.0.0.1:8080, with curl lines to paste
  ringway check ringway.toml apis/*.toml    every issue with its file, line and JSON pointer
  ringway serve --config ringway.toml       serve until SIGTERM
  curl -X POST http://127.0.0.1:9901/reload load the files again; also SIGHUP, or simply save them

Exit codes:
  0   done, or drained after SIGTERM
  64  the command line or a configuration file is not valid
  69  the configuration is valid, but this host refuses it: an address in use, for example
  70  a core ended unexpectedly";

/// Amazon API Gateway semantics on your own Linux hosts, at the speed of io_uring.
#[derive(Debug, Parser)]
#[command(name = "ringway", version, long_about = LONG_ABOUT, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve the APIs of a process file until SIGTERM
    Serve(ServeArgs),
    /// Print every issue of configuration files and OpenAPI documents; exit 64 if there is one
    Check(CheckArgs),
    /// Send one request through a stage of an API file and print every step, as AWS's execution log does
    Invoke(InvokeArgs),
    /// Print every step of the next requests that a running gateway serves, as AWS's execution log does
    Explain(ExplainArgs),
    /// Empty the caches of a running gateway, or forget what has a tag
    #[command(subcommand)]
    Cache(CacheCommand),
    /// Print what API keys have used of the quota of a usage plan, and what they have left; or change it
    Usage(UsageArgs),
    /// Render, trace, check and test mapping templates
    #[command(subcommand)]
    Template(TemplateCommand),
    /// Print which routes, integrations, models and limits differ between two APIs; exit 1 if any does
    Diff(DiffArgs),
    /// Print an API as an OpenAPI document
    Export(ExportArgs),
    /// Write what the store of the AWS control plane holds as API files and documents
    ExportConfig(ExportConfigArgs),
    /// Write API files into the store of the AWS control plane
    ImportConfig(ImportConfigArgs),
    /// Serve a sample pet store with a sample backend, and print curl lines to paste
    Demo(DemoArgs),
    /// Print the operations of the AWS control plane as JSON
    #[command(hide = true)]
    AwsOperations,
}

const SERVE_HELP: &str = "\
Signals:
  SIGHUP            load the API files again (also: POST /reload on the admin address, or save a file)
  SIGUSR1           reopen the access log, after a log rotation
  SIGTERM, SIGINT   close the listeners, finish the requests in flight, exit 0; a second one exits at once

Example:
  ringway serve --config ringway.toml --driver native";

#[derive(Debug, Args)]
#[command(after_help = SERVE_HELP)]
pub(crate) struct ServeArgs {
    /// The process file; paths in it are relative to its directory
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// How to talk to the kernel; overrides `driver` of the process file
    #[arg(long, value_enum)]
    pub(crate) driver: Option<Driver>,
    /// Let the AWS control plane take requests of everybody who reaches it; only where it listens on loopback
    #[arg(long)]
    pub(crate) insecure_no_auth: bool,
}

const CHECK_HELP: &str = "\
What a file is follows from its content: a process file (its API files are checked too), an API file (its OpenAPI
documents are checked too), or an OpenAPI 3.0 or Swagger 2.0 document in YAML or JSON.

Example:
  ringway check config/ringway.toml config/apis/*.toml
  config/apis/pets.yaml:12:7: /paths/~1pets/get/x-amazon-apigateway-integration/type: ...";

#[derive(Debug, Args)]
#[command(after_help = CHECK_HELP)]
pub(crate) struct CheckArgs {
    /// Files to check
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
}

const INVOKE_HELP: &str = "\
The request takes the way that a served one takes; the backend is really called. Nothing has to be running.

Example:
  ringway invoke config/apis/petstore-v1.toml --stage dev --method GET '/pets/7?full=true' -H 'Accept: application/json'";

#[derive(Debug, Args)]
#[command(after_help = INVOKE_HELP)]
pub(crate) struct InvokeArgs {
    /// The API file
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The path below the stage, with its query string
    #[arg(value_name = "PATH", default_value = "/")]
    pub(crate) path: String,
    /// The stage
    #[arg(long)]
    pub(crate) stage: String,
    /// The method
    #[arg(short = 'X', long, default_value = "GET")]
    pub(crate) method: String,
    /// A header of the request, as in `-H 'Accept: text/html'`; may be given again
    #[arg(short = 'H', long = "header", value_name = "HEADER")]
    pub(crate) headers: Vec<String>,
    /// The body of the request
    #[arg(short, long)]
    pub(crate) body: Option<String>,
}

const EXPLAIN_HELP: &str = "\
Arms the switch of a stage on the admin server, waits, and prints a log for each of the next requests. Bodies are shown; values of
Authorization, x-api-key, Cookie, Set-Cookie and the like are masked. Other requests are served as ever.

Example:
  ringway explain --api petstore01 --stage dev --requests 3 --path /pets";

#[derive(Debug, Args)]
#[command(after_help = EXPLAIN_HELP)]
pub(crate) struct ExplainArgs {
    /// The admin server of the gateway
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9901")]
    pub(crate) admin: String,
    /// The id of the API
    #[arg(long)]
    pub(crate) api: String,
    /// The stage
    #[arg(long)]
    pub(crate) stage: String,
    /// How many requests, up to 100
    #[arg(long, default_value_t = 1)]
    pub(crate) requests: u32,
    /// How long to wait for them, up to 600
    #[arg(long, default_value_t = 60)]
    pub(crate) seconds: u32,
    /// Only requests whose path below the stage begins so
    #[arg(long, default_value = "")]
    pub(crate) path: String,
}

const USAGE_HELP: &str = "\
Figures are live, day by day in UTC. What is set with --set-remaining holds until the period of the quota ends, as with UpdateUsage.

Examples:
  ringway usage --plan gold
  ringway usage --plan gold --key alice --start-date 2026-11-01 --end-date 2026-11-30 --json
  ringway usage --plan gold --key alice --set-remaining 5000";

#[derive(Debug, Args)]
#[command(after_help = USAGE_HELP)]
pub(crate) struct UsageArgs {
    /// The admin server of the gateway
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9901")]
    pub(crate) admin: String,
    /// The id of the usage plan
    #[arg(long, value_name = "ID")]
    pub(crate) plan: String,
    /// The id of the API key; all that were ever used where none is named
    #[arg(long, value_name = "ID")]
    pub(crate) key: Option<String>,
    /// The first day, as in 2026-11-23; today where none is named
    #[arg(long, value_name = "DATE")]
    pub(crate) start_date: Option<String>,
    /// The last day
    #[arg(long, value_name = "DATE")]
    pub(crate) end_date: Option<String>,
    /// Leave the key so many requests of this period
    #[arg(long, value_name = "REQUESTS", requires = "key")]
    pub(crate) set_remaining: Option<u64>,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CacheCommand {
    /// Forget every answer
    Flush(CacheTarget),
    /// Forget the answers that have a tag; the stage has `cache.tags`
    Purge {
        #[command(flatten)]
        target: CacheTarget,
        /// The tag; may be given again
        #[arg(long = "tag", value_name = "TAG", required = true)]
        tags: Vec<String>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct CacheTarget {
    /// The admin server of the gateway
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9901")]
    pub(crate) admin: String,
    /// The id of the API
    #[arg(long)]
    pub(crate) api: String,
    /// The stage; without it all of the API
    #[arg(long)]
    pub(crate) stage: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TemplateCommand {
    /// Render a template and print the result
    Render(RenderArgs),
    /// Render a template and print every reference with its value, and every branch
    Trace(RenderArgs),
    /// Print errors, and what is most likely a mistake; exit 64 if there is an error
    Lint {
        /// Templates
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Run the cases beside each template: those of pets.vtl are in pets.test.json; exit 64 if one fails
    #[command(after_help = TEST_HELP)]
    Test {
        /// Templates
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
}

const TEST_HELP: &str = r#"The cases are a list. `expect` is the whole text, `expectJson` a value, `expectOverrides` what the template sets:
  [{"name": "one pet", "body": {"id": 7}, "params": {"querystring": {"full": "true"}}, "context": {"stage": "dev"},
    "stageVariables": {"tier": "gold"}, "expectJson": {"id": 7, "stage": "dev"}}]"#;

#[derive(Debug, Args)]
pub(crate) struct RenderArgs {
    /// The template
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// What it sees: JSON with body, params, context and stageVariables
    #[arg(short, long, value_name = "FILE")]
    pub(crate) exchange: Option<PathBuf>,
    /// The body, in place of that of the exchange
    #[arg(short, long, value_name = "FILE")]
    pub(crate) body: Option<PathBuf>,
}

const DIFF_HELP: &str = "\
An API is an OpenAPI document, a stage of an API file, or what a running gateway serves.

Examples:
  ringway diff pets-v1.openapi.yaml pets-v2.openapi.yaml
  ringway diff apis/pets.toml#prod apis/pets.toml#dev
  ringway diff http://127.0.0.1:9901/apis/petstore01/stages/prod pets-v2.openapi.yaml";

#[derive(Debug, Args)]
#[command(after_help = DIFF_HELP)]
pub(crate) struct DiffArgs {
    /// What is there
    pub(crate) old: String,
    /// What would be there
    pub(crate) new: String,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "What an API may be: see `ringway diff --help`.")]
pub(crate) struct ExportArgs {
    /// The API
    pub(crate) api: String,
    /// `oas30` (OpenAPI 3.0) or `swagger` (Swagger 2.0)
    #[arg(long, default_value = "oas30")]
    pub(crate) format: String,
    /// AWS's extensions: a list of apigateway, integrations, authorizers, documentation
    #[arg(long, default_value = "apigateway")]
    pub(crate) extensions: String,
    /// As YAML
    #[arg(long)]
    pub(crate) yaml: bool,
    /// The stage, which becomes the base path
    #[arg(long)]
    pub(crate) stage: Option<String>,
}

const EXPORT_CONFIG_HELP: &str = "\
Every API with stages becomes DIR/{restApiId}.toml, which `apis` of a process file may name, with a document
DIR/{restApiId}/{deploymentId}.json for each deployment that a stage or a canary serves. An API without stages becomes the
document DIR/{restApiId}.json. Usage plans become DIR/usage/plans.toml, which `usage` of a process file may name; API keys become
DIR/usage/keys.csv, with --with-api-keys. What files have no place for (tags of stages, changes that are not deployed, ids, …) is
named on standard error, one line each.

The store is read and not changed. No gateway may have it open meanwhile: stop it first.

Example:
  ringway export-config --store ringway.redb --out apis
  ringway check apis/*.toml";

#[derive(Debug, Args)]
#[command(after_help = EXPORT_CONFIG_HELP)]
pub(crate) struct ExportConfigArgs {
    /// The store: `store` of [controlPlane] in the process file
    #[arg(long, value_name = "FILE")]
    pub(crate) store: PathBuf,
    /// The directory to write, which is made where it is missing
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Write into a directory that is not empty; files of the same names are replaced, others stay
    #[arg(long)]
    pub(crate) force: bool,
    /// Write API keys too, with their values as they are
    #[arg(long)]
    pub(crate) with_api_keys: bool,
}

const IMPORT_CONFIG_HELP: &str = "\
Each API keeps its restApiId and becomes what the AWS API shows: resources, models, a deployment for each of its documents, stages,
canaries, domain names and their mappings. Usage files become usage plans and API keys. Afterwards the control plane serves what the
files serve, or nothing is written. Ids and domain names that the store has already are refused; to replace an API, delete it first.

No gateway may have the store open meanwhile: stop it first. A process that serves the store must not name the files too.

Example:
  ringway import-config --store ringway.redb apis/*.toml apis/usage/*.toml";

#[derive(Debug, Args)]
#[command(after_help = IMPORT_CONFIG_HELP)]
pub(crate) struct ImportConfigArgs {
    /// The store: `store` of [controlPlane] in the process file; made where it is missing
    #[arg(long, value_name = "FILE")]
    pub(crate) store: PathBuf,
    /// What ${AWS::Region} stands for in documents, and names of resources have: `region` of the process file
    #[arg(long, default_value = "us-east-1")]
    pub(crate) region: String,
    /// What ${AWS::AccountId} stands for: `accountId` of the process file
    #[arg(long, value_name = "ID", default_value = "000000000000")]
    pub(crate) account_id: String,
    /// API files and usage files
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Port of the gateway on 127.0.0.1
    #[arg(long, default_value_t = 8080)]
    pub(crate) port: u16,
    /// Port of the admin server on 127.0.0.1
    #[arg(long, default_value_t = 9901)]
    pub(crate) admin_port: u16,
    /// How to talk to the kernel
    #[arg(long, value_enum)]
    pub(crate) driver: Option<Driver>,
}

/// How the cores talk to the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Driver {
    /// The best that works here: native, else monoio, else epoll with a loud warning
    Auto,
    /// io_uring with Ringway's own driver, or do not start
    Native,
    /// io_uring through monoio, or do not start
    Monoio,
    /// epoll, about 0.7 times the speed of io_uring
    Epoll,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn drivers_are_spelled_as_in_the_process_file() {
        for (text, driver) in [
            ("auto", Driver::Auto),
            ("native", Driver::Native),
            ("monoio", Driver::Monoio),
            ("epoll", Driver::Epoll),
        ] {
            let cli = Cli::try_parse_from(["ringway", "serve", "--config", "x", "--driver", text]).unwrap();
            let Command::Serve(serve) = cli.command else { panic!("not serve") };
            assert_eq!(serve.driver, Some(driver));
        }
        assert!(Cli::try_parse_from(["ringway", "serve", "--config", "x", "--driver", "uring"]).is_err());
        assert!(Cli::try_parse_from(["ringway", "check"]).is_err(), "check without a file checks nothing");
    }
}
