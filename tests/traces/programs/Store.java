// As store.py: byte arrays, under a collector.
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.ArrayList;

class Store {
	public static void main(String[] args) throws Exception {
		ArrayList<ArrayList<byte[]>> stores = new ArrayList<>();
		for (int i = 0; i < 4; i++)
			stores.add(new ArrayList<>());
		BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
		for (String line; (line = in.readLine()) != null && !line.startsWith("q");) {
			String[] words = line.split(" ");
			ArrayList<byte[]> store = stores.get(Integer.parseInt(words[0]));
			int want = Integer.parseInt(words[1]);
			while (store.size() < want)
				store.add(new byte[16384]);
			while (store.size() > want)
				store.remove(store.size() - 1);
		}
	}
}
