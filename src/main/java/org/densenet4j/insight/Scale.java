package org.densenet4j.insight;

/** What a heat map's colours are relative to. */
public enum Scale {
    /** The block's largest mean absolute weight: as in the paper, from 0 to 1. */
    BLOCK,
    /** The largest of the target's own: which source each layer prefers. */
    TARGET;

    double of(Connection c, BlockReuse block) {
        if (this == TARGET) {
            return c.shareOfTarget();
        }
        return block.largest() == 0 ? 0 : c.meanAbsolute() / block.largest();
    }
}
