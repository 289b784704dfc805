package org.densenet4j.backend.cuda;

import org.densenet4j.backend.Matrix;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * What of a step's traffic reaches memory, by a model of the level-2 cache: fully associative, the
 * least recently used granule is evicted, sectors of 32 bytes are fetched when they are read and
 * written back when they are evicted. What {@linkplain Walk#givingWay gives way} is evicted before
 * everything else. A launch goes through its operands side by side, and through the shares of their
 * rows at the same time.
 *
 * <p>A prediction, no measurement: real caches hash addresses, hold lines twice and evict
 * differently.
 */
final class CacheModel {
    private static final int GRANULE = 512;
    private static final int SECTOR = 32;

    /** Pieces of each operand between which a launch goes back and forth. */
    private static final int PIECES = 64;

    private static final int NONE = -1;

    private final int capacity;
    private final int[] newer;
    private final int[] older;
    private final short[] valid;
    private final short[] dirty;
    private int newest = NONE;
    private int oldest = NONE;
    private int used;
    private boolean givesWay;
    private long sectorsRead;
    private long sectorsWritten;

    /**
     * @param arenaBytes addresses go from 0 to this
     * @param cacheBytes size of the cache
     */
    CacheModel(long arenaBytes, long cacheBytes) {
        int granules = Math.toIntExact(Math.ceilDiv(arenaBytes, GRANULE));
        capacity = Math.toIntExact(cacheBytes / SECTOR);
        newer = new int[granules];
        older = new int[granules];
        valid = new short[granules];
        dirty = new short[granules];
        Arrays.fill(newer, NONE);
        Arrays.fill(older, NONE);
    }

    /** Bytes moved from and to memory so far. */
    long bytes() {
        return SECTOR * (sectorsRead + sectorsWritten);
    }

    void run(Traffic traffic) {
        for (int i = 0; i < PIECES; i++) {
            int piece = i;
            run(traffic, piece);
            traffic.beside().ifPresent(other -> run(other, piece));
        }
    }

    /** One of the pieces, in the order in which the launch comes to them. */
    private void run(Traffic traffic, int number) {
        Walk walk = traffic.walk();
        int piece = walk.fromTheLast() ? PIECES - 1 - number : number;
        List<Matrix> operands = new ArrayList<>(traffic.reads());
        operands.addAll(traffic.writes());
        for (int i = 0; i < operands.size(); i++) {
            Matrix operand = operands.get(i);
            givesWay = walk.givingWay().contains(operand);
            touchShares(operand, walk.rowsOfShare(), piece, i >= traffic.reads().size());
        }
    }

    private void touchShares(Matrix m, int rowsOfShare, int piece, boolean write) {
        for (int first = 0; first < m.rows(); first += Math.min(rowsOfShare, m.rows())) {
            int rows = Math.min(rowsOfShare, m.rows() - first);
            touch(m.rows(first, rows), piece, write);
        }
    }

    private void touch(Matrix m, int piece, boolean write) {
        if (m.isDense()) {
            long from = m.bytes() * piece / PIECES;
            long to = m.bytes() * (piece + 1) / PIECES;
            touch(m.offset() + from, m.offset() + to, write);
            return;
        }
        int from = (int) ((long) m.rows() * piece / PIECES);
        int to = (int) ((long) m.rows() * (piece + 1) / PIECES);
        for (int row = from; row < to; row++) {
            touch(m.at(row, 0), m.at(row, m.columns()), write);
        }
    }

    private void touch(long from, long to, boolean write) {
        long first = from / SECTOR;
        long end = Math.ceilDiv(to, SECTOR);
        int perGranule = GRANULE / SECTOR;
        while (first < end) {
            int granule = (int) (first / perGranule);
            int low = (int) (first % perGranule);
            int high = (int) Math.min(perGranule, end - (first - low));
            int mask = (1 << high) - (1 << low);
            touchGranule(granule, mask, write);
            first += high - low;
        }
    }

    private void touchGranule(int granule, int mask, boolean write) {
        int missing = mask & ~valid[granule];
        if (valid[granule] != 0) {
            unlink(granule);
        }
        if (givesWay) {
            linkAsOldest(granule);
        } else {
            link(granule);
        }
        if (missing != 0) {
            int count = Integer.bitCount(missing);
            used += count;
            if (!write) {
                sectorsRead += count;
            }
            valid[granule] |= (short) mask;
        }
        if (write) {
            dirty[granule] |= (short) mask;
        }
        while (used > capacity) {
            evict(oldest);
        }
    }

    private void linkAsOldest(int granule) {
        newer[granule] = oldest;
        older[granule] = NONE;
        if (oldest != NONE) {
            older[oldest] = granule;
        }
        oldest = granule;
        if (newest == NONE) {
            newest = granule;
        }
    }

    private void link(int granule) {
        older[granule] = newest;
        newer[granule] = NONE;
        if (newest != NONE) {
            newer[newest] = granule;
        }
        newest = granule;
        if (oldest == NONE) {
            oldest = granule;
        }
    }

    private void unlink(int granule) {
        if (newer[granule] == NONE) {
            newest = older[granule];
        } else {
            older[newer[granule]] = older[granule];
        }
        if (older[granule] == NONE) {
            oldest = newer[granule];
        } else {
            newer[older[granule]] = newer[granule];
        }
    }

    private void evict(int granule) {
        unlink(granule);
        used -= Integer.bitCount(valid[granule] & 0xFFFF);
        sectorsWritten += Integer.bitCount(dirty[granule] & 0xFFFF);
        valid[granule] = 0;
        dirty[granule] = 0;
    }
}
