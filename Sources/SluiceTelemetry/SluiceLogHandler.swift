package import Logging

/// swift-log's backend for this process: cleans and bounds a record, then hands it to the ``LogOutput``.
package struct SluiceLogHandler: LogHandler {
    private let label: String
    private let output: LogOutput
    private var ownLevel: Logger.Level?

    /// Metadata of every record of this logger.
    package var metadata: Logger.Metadata = [:]
    /// Metadata from the task or the context.
    package var metadataProvider: Logger.MetadataProvider?

    init(label: String, output: LogOutput) {
        self.label = label
        self.output = output
    }

    /// The logger's own level when one was set, else the output's.
    package var logLevel: Logger.Level {
        get { ownLevel ?? output.level }
        set { ownLevel = newValue }
    }

    /// One item of the logger's metadata.
    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    /// Writes a record. The record's own metadata wins over the provider's, the provider's over the logger's.
    package func log(event: LogEvent) {
        var merged = metadata
        if let provided = metadataProvider?.get() { merged.merge(provided) { $1 } }
        if let own = event.metadata { merged.merge(own) { $1 } }
        output.write(LogRecord(event, label: label, metadata: merged))
    }
}
