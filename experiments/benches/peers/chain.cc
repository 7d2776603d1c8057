// UDP datagrams along a chain of store-and-forward links, as the scenario `bench-chain` of protosim has them.
#include "common.h"

using namespace peers;

namespace
{

// Sends a datagram at each multiple of an interval, until so many have been sent.
class Source
{
  public:
    Source(Ptr<Node> node, Address to, uint32_t payload, Time interval, uint64_t count)
        : m_payload(payload),
          m_interval(interval),
          m_left(count),
          m_to(to),
          m_socket(Socket::CreateSocket(node, UdpSocketFactory::GetTypeId()))
    {
        m_socket->Bind();
        m_socket->Connect(m_to);
        Simulator::ScheduleWithContext(node->GetId(), Time(0), &Source::Send, this);
    }

  private:
    void Send()
    {
        if (m_left-- == 0)
        {
            return;
        }
        m_socket->Send(Create<Packet>(m_payload));
        Simulator::Schedule(m_interval, &Source::Send, this);
    }

    uint32_t m_payload;
    Time m_interval;
    uint64_t m_left;
    Address m_to;
    Ptr<Socket> m_socket;
};

class Sink
{
  public:
    Sink(Ptr<Node> node, uint16_t port)
        : m_socket(Socket::CreateSocket(node, UdpSocketFactory::GetTypeId()))
    {
        m_socket->Bind(InetSocketAddress(Ipv4Address::GetAny(), port));
        m_socket->SetRecvCallback(MakeCallback(&Sink::Readable, this));
    }

    uint64_t bytes = 0;
    uint64_t datagrams = 0;

  private:
    void Readable(Ptr<Socket> socket)
    {
        while (auto packet = socket->Recv())
        {
            bytes += packet->GetSize();
            ++datagrams;
        }
    }

    Ptr<Socket> m_socket;
};

} // namespace

int
main(int argc, char** argv)
{
    const double begun = WallSeconds();
    uint32_t links = 10;
    uint32_t payload = 1000;
    double seconds = 10;
    std::string routing = "global";
    bool count = false;
    CommandLine line(__FILE__);
    line.AddValue("links", "How many links, of 1 Gbit/s and 1 ms each", links);
    line.AddValue("payload", "UDP payload in bytes, sent at 100 Mbit/s of it", payload);
    line.AddValue("seconds", "For how long", seconds);
    line.AddValue("routing", "global, static or indexed", routing);
    line.AddValue("count", "Count packet-hops", count);
    line.Parse(argc, argv);

    NodeContainer nodes(links + 1);
    const auto way = InstallInternet(nodes, routing);
    auto link = Link("1Gbps", "1ms", "1000p");
    std::vector<Ends> ends;
    for (uint32_t i = 0; i < links; ++i)
    {
        ends.push_back(Join(link, nodes.Get(i), nodes.Get(i + 1), i));
    }
    const auto target = ends.back().secondAddress;
    for (const auto& hop : ends)
    {
        SetDefaultRoute(way, hop.first, hop.secondAddress);
    }
    FinishRouting(way);

    const auto interval = NanoSeconds(int64_t(payload) * 8 * 10);
    Sink sink(nodes.Get(links), 9);
    Source source(nodes.Get(0), InetSocketAddress(target, 9), payload, interval, uint64_t(seconds * 1e9) / uint64_t(interval.GetNanoSeconds()));
    Run(begun, count);

    Say("goodput_bit_per_s", 8.0 * double(sink.bytes) / seconds);
    Say("datagrams", double(sink.datagrams));
    return 0;
}
