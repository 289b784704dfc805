package org.densenet4j.backend.cpu.jit;

import org.densenet4j.backend.cpu.asm.Assembler;
import org.densenet4j.backend.cpu.asm.Register;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/**
 * How the pixels of a depthwise convolution's output are cut for machine code, in which every
 * border is known: rows that the same rows of the kernel reach, and, in a row, tiles of pixels
 * whose sums stay in registers.
 *
 * @param height of the image
 * @param width of the image
 * @param kernel rows and columns of it, an odd number
 * @param most pixels of a tile
 */
record DepthwiseTiles(int height, int width, int kernel, int most) {

    /**
     * Rows behind each other.
     *
     * @param first of them
     * @param count of them
     * @param firstTap first row of the kernel that lies inside of the image
     * @param endTap behind the last one
     */
    record Rows(int first, int count, int firstTap, int endTap) {
        int taps() {
            return endTap - firstTap;
        }
    }

    /**
     * Tiles behind each other that differ in nothing but their place.
     *
     * @param first column of the first
     * @param pixels of each
     * @param count of them
     */
    record Tiles(int first, int pixels, int count) {}

    /** What is done where a pixel of the source meets one of the output. */
    interface Meeting {
        /**
         * Writes the code.
         *
         * @param pixel of the tile
         * @param tap column of the kernel
         */
        void write(int pixel, int tap);
    }

    int padding() {
        return kernel / 2;
    }

    /** All rows of the output. */
    List<Rows> rows() {
        List<Rows> all = new ArrayList<>();
        int first = 0;
        for (int row = 1; row <= height; row++) {
            if (row == height || firstTap(row) != firstTap(first) || endTap(row) != endTap(first)) {
                all.add(new Rows(first, row - first, firstTap(first), endTap(first)));
                first = row;
            }
        }
        return all;
    }

    private int firstTap(int row) {
        return Math.max(0, padding() - row);
    }

    private int endTap(int row) {
        return Math.min(kernel, height + padding() - row);
    }

    /** All tiles of a row of the output. */
    List<Tiles> tiles() {
        List<Tiles> all = new ArrayList<>();
        int pixels = Loops.evenBlock(width, most);
        for (int first = 0; first < width; first += pixels) {
            int here = Math.min(pixels, width - first);
            Tiles last = all.isEmpty() ? null : all.getLast();
            if (last != null
                    && here == pixels
                    && isInside(last.first, pixels)
                    && isInside(first, pixels)) {
                all.set(all.size() - 1, new Tiles(last.first, pixels, last.count + 1));
            } else {
                all.add(new Tiles(first, here, 1));
            }
        }
        return all;
    }

    /** Whether all columns of the kernel reach pixels of the image. */
    private boolean isInside(int first, int pixels) {
        return first >= padding() && first + pixels + padding() <= width;
    }

    /** First column of the source, counted from a tile's own, that is in the image. */
    int firstSource(Tiles tile) {
        return Math.max(-padding(), -tile.first);
    }

    /** Behind the last column of the source, counted from a tile's own, that is in the image. */
    int endSource(Tiles tile) {
        return Math.min(tile.pixels + padding(), width - tile.first);
    }

    /** Every place of the kernel where a column of the source meets a pixel of the tile. */
    void forEachMeeting(Tiles tile, int source, Meeting meeting) {
        for (int tap = 0; tap < kernel; tap++) {
            int pixel = source + padding() - tap;
            if (pixel >= 0 && pixel < tile.pixels) {
                meeting.write(pixel, tap);
            }
        }
    }

    /** Runs {@code body} for every row of so many images. */
    void forEachRow(Assembler a, int images, Register image, Register row, Consumer<Rows> body) {
        a.repeat(
                images,
                image,
                () -> {
                    for (Rows rows : rows()) {
                        a.repeat(rows.count, row, () -> body.accept(rows));
                    }
                });
    }

    /**
     * One of two matrices along whose rows tiles lie.
     *
     * @param row address of the row's first pixel
     * @param tile is set to that of a tile's first pixel
     * @param pixelBytes from pixel to pixel
     */
    record Along(Register row, Register tile, long pixelBytes) {}

    /** Runs {@code body} for every tile of a row, with the address of its first pixel in both. */
    void forEachTile(Assembler a, Register counter, Along one, Along other, Consumer<Tiles> body) {
        for (Tiles tiles : tiles()) {
            a.addressOf(one.tile, one.row.at(tiles.first * one.pixelBytes));
            a.addressOf(other.tile, other.row.at(tiles.first * other.pixelBytes));
            a.repeat(
                    tiles.count,
                    counter,
                    () -> {
                        body.accept(tiles);
                        if (tiles.count > 1) {
                            a.add(one.tile, tiles.pixels * one.pixelBytes);
                            a.add(other.tile, tiles.pixels * other.pixelBytes);
                        }
                    });
        }
    }
}
