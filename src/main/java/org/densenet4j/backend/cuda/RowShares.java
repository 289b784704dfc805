package org.densenet4j.backend.cuda;

/**
 * How tiles of rows are shared among the blocks of a dense layer's kernel: contiguous, as many for
 * each block but possibly the last ({@code Tiles} of {@code cuda-kernels/fragments.cuh}).
 *
 * @param rowsOfTile rows of every tile but the last
 * @param tilesOfBlock tiles of every block but the last
 * @param blocks that have any
 */
record RowShares(int rowsOfTile, int tilesOfBlock, int blocks) {
    /**
     * @param rows to share, from 1
     * @param mostBlocks blocks at most, from 1
     */
    static RowShares of(int rows, int rowsOfTile, int mostBlocks) {
        int tiles = Math.ceilDiv(rows, rowsOfTile);
        int tilesOfBlock = Math.ceilDiv(tiles, mostBlocks);
        return new RowShares(rowsOfTile, tilesOfBlock, Math.ceilDiv(tiles, tilesOfBlock));
    }

    int rowsOfBlock() {
        return rowsOfTile * tilesOfBlock;
    }
}
