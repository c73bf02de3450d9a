//! <https://html.spec.whatwg.org/#module-script>: what a realm asks of whoever has the modules, and what an engine tells of them.

use futures::future::BoxFuture;

/// <https://html.spec.whatwg.org/#module-type-from-module-request>
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ModuleType {
    /// A program.
    JavaScript,
    /// A value, as its default export.
    Json,
}

/// <https://tc39.es/ecma262/#modulerequest-record>
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleRequest {
    /// What the module calls it.
    pub specifier: String,
    /// What it has to be; none for a type that there is not.
    pub module_type: Option<ModuleType>,
}

/// Why a text is no module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleSyntaxError {
    /// What is wrong with it.
    pub message: String,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1.
    pub column: u32,
}

/// An engine's parser: what a module's text imports statically. It knows no realm and may be used on any thread.
///
/// <https://tc39.es/ecma262/#sec-parsemodule>
pub type ModuleParser =
    fn(text: &str, module_type: ModuleType) -> Result<Vec<ModuleRequest>, ModuleSyntaxError>;

/// Why a module cannot be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModuleFailure {
    /// It did not come, or something it imports did not: a `TypeError`.
    Fetch(String),
    /// It, or something it imports, is no module: a `SyntaxError`, the same each time.
    Syntax {
        /// The address of the text.
        url: String,
        /// What is wrong with it.
        error: ModuleSyntaxError,
    },
    /// It imports something that leads nowhere: a `TypeError`, the same each time.
    Resolution {
        /// The address of the module that imports it.
        url: String,
        /// Why it leads nowhere.
        reason: String,
    },
}

impl std::fmt::Display for ModuleFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Fetch(reason) => f.write_str(reason),
            Self::Syntax { url, error } => {
                write!(f, "{url}:{}:{}: SyntaxError: {}", error.line, error.column, error.message)
            }
            Self::Resolution { url, reason } => write!(f, "{url}: TypeError: {reason}"),
        }
    }
}

/// How far a module has come, with all that it imports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModuleState {
    /// Something of it has not come yet.
    Absent,
    /// Something of it never will, or is no module.
    Failed(ModuleFailure),
    /// Everything is there, and parses.
    Ready,
}

/// A module's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleSource {
    /// The text.
    pub text: String,
    /// What its own imports are relative to: the address that answered.
    pub base_url: String,
}

/// Where a realm's modules come from. All but [`Self::import`] answers at once: an engine that links modules cannot wait.
pub trait ModuleLoader: Send + Sync {
    /// The address of what a script or module imports, which is known by its own address. Asked again, the answer is the same.
    ///
    /// <https://html.spec.whatwg.org/#resolve-a-module-specifier>
    ///
    /// # Errors
    /// Why it has none, for people.
    fn resolve(&self, base: &str, specifier: &str) -> Result<String, String>;

    /// How far a module has come.
    fn state(&self, url: &str, module_type: ModuleType) -> ModuleState;

    /// A module that has come.
    fn source(&self, url: &str, module_type: ModuleType) -> Option<ModuleSource>;

    /// Whether scripts may import while they run.
    fn allows_dynamic_import(&self) -> bool;

    /// Fetches what a script or module asks for while it runs, with all that it imports. Afterwards its state says what has become
    /// of it.
    ///
    /// <https://html.spec.whatwg.org/#hostloadimportedmodule>
    fn import(&self, base: &str, url: &str, module_type: ModuleType) -> BoxFuture<'static, ()>;
}
