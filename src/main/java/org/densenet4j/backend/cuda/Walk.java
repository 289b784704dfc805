package org.densenet4j.backend.cuda;

import org.densenet4j.backend.Matrix;

import java.util.List;

/**
 * In which order a launch comes to the rows of its operands, which decides what the next one finds
 * in the level-2 cache.
 *
 * @param rowsOfShare rows of a block's share; all shares are gone through at the same time
 * @param fromTheLast whether a share begins with its last row
 * @param givingWay operands whose rows the cache gives up before others
 */
record Walk(int rowsOfShare, boolean fromTheLast, List<Matrix> givingWay) {
    /** From the first row to the last. */
    static final Walk STRAIGHT = new Walk(Integer.MAX_VALUE, false, List.of());

    static Walk ofShares(RowShares shares) {
        return new Walk(shares.rowsOfBlock(), false, List.of());
    }

    /** Begins with the last row of each share. */
    Walk backwards() {
        return new Walk(rowsOfShare, true, givingWay);
    }

    Walk givingWay(boolean giveWay, Matrix... operands) {
        return giveWay ? new Walk(rowsOfShare, fromTheLast, List.of(operands)) : this;
    }
}
