//! <https://w3c.github.io/FileAPI/#reading-data-section>

mod package_data;
mod reader;
mod reader_sync;

pub(crate) use reader::FileReader;
pub(crate) use reader_sync::FileReaderSync;
