//! What a run may cost, and by which prices.

use amiproof_model::cost::Usd;
use amiproof_model::name::NameError;
use camino::Utf8PathBuf;
use clap::Args;

/// The heading in help of what costs.
const COST: &str = "Cost";

/// By which prices a cost is estimated.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ByPrices {
    /// JSON file with prices that override or complement the built-in ones, for example those of your contract or of a
    /// missing region or type
    #[arg(
        long = "prices",
        env = "AMIPROOF_PRICES",
        value_name = "FILE",
        hide_short_help = true,
        help_heading = COST
    )]
    pub(crate) prices_file: Option<Utf8PathBuf>,
}

/// What a run may cost.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Money {
    /// Refuse, before anything is created, a run that is expected to cost more than this, or whose cost is not known
    #[arg(long, value_name = "USD", value_parser = usd, help_heading = COST)]
    pub(crate) max_cost: Option<Usd>,
    #[command(flatten)]
    pub(crate) prices: ByPrices,
}

fn usd(text: &str) -> Result<Usd, NameError> {
    text.parse()
}
