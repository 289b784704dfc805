package org.densenet4j.profile;

import org.densenet4j.graph.NetworkSpec;

import java.util.List;
import java.util.Optional;

/**
 * Another network under the same strategies, beside the one that a comparison is of.
 *
 * @param spec the network
 * @param runs one for each strategy, of the same batch
 */
public record ComparedNetwork(NetworkSpec spec, List<StrategyRun> runs) {
    /** {@return the error that was published of the preset; none where it was changed} */
    public Optional<PublishedError> published() {
        return PublishedError.of(spec);
    }
}
