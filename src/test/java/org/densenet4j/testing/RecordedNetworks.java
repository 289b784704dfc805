package org.densenet4j.testing;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.util.List;
import java.util.zip.GZIPInputStream;

/** What PyTorch's networks have, as {@code scripts} recorded it: lines of tab-separated fields. */
public final class RecordedNetworks {
    private static final String FOLDER = "/golden/networks/";

    private RecordedNetworks() {}

    /** Name, shape and kind of each tensor of a network. */
    public static List<String> tensors(String network) throws IOException {
        String list = FOLDER + network + ".txt.gz";
        try (InputStream in =
                new GZIPInputStream(RecordedNetworks.class.getResourceAsStream(list))) {
            return lines(in);
        }
    }

    /** Name, parameters and what else was counted of each network. */
    public static List<String[]> counts() throws IOException {
        try (InputStream in = RecordedNetworks.class.getResourceAsStream(FOLDER + "counts.tsv")) {
            return lines(in).stream().skip(1).map(line -> line.split("\t", -1)).toList();
        }
    }

    private static List<String> lines(InputStream in) throws IOException {
        try (BufferedReader reader = new BufferedReader(new InputStreamReader(in, UTF_8))) {
            return reader.lines().toList();
        }
    }
}
