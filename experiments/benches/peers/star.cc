// Requests and replies of UDP between many nodes and one server in the middle, over links that lose packets, as the scenario `bench-star` of protosim has
// them: a node asks, waits for the reply or for a time-out, rests, and asks again.
#include "common.h"

#include <memory>

using namespace peers;

namespace
{

constexpr uint32_t kRequest = 64;
constexpr uint32_t kReply = 32;
constexpr uint16_t kPort = 7;

class Server
{
  public:
    explicit Server(Ptr<Node> node)
        : m_socket(Socket::CreateSocket(node, UdpSocketFactory::GetTypeId()))
    {
        m_socket->Bind(InetSocketAddress(Ipv4Address::GetAny(), kPort));
        m_socket->SetRecvCallback(MakeCallback(&Server::Readable, this));
    }

    uint64_t requests = 0;

  private:
    void Readable(Ptr<Socket> socket)
    {
        Address from;
        while (socket->RecvFrom(from))
        {
            ++requests;
            socket->SendTo(Create<Packet>(kReply), 0, from);
        }
    }

    Ptr<Socket> m_socket;
};

class Client
{
  public:
    Client(Ptr<Node> node, Address server, Time start, Time think, Time timeout, Time stop)
        : m_think(think),
          m_stop(stop),
          m_timeout(timeout),
          m_server(server),
          m_socket(Socket::CreateSocket(node, UdpSocketFactory::GetTypeId()))
    {
        Simulator::ScheduleWithContext(node->GetId(), start, &Client::Open, this);
    }

    uint64_t requests = 0;
    uint64_t replies = 0;
    Time roundTrips;

  private:
    void Open()
    {
        m_socket->Bind();
        m_socket->Connect(m_server);
        m_socket->SetRecvCallback(MakeCallback(&Client::Readable, this));
        Ask();
    }

    void Ask()
    {
        ++requests;
        m_asked = Simulator::Now();
        m_socket->Send(Create<Packet>(kRequest));
        m_wait = Simulator::Schedule(m_timeout, &Client::Rest, this);
    }

    void Readable(Ptr<Socket> socket)
    {
        while (socket->Recv())
        {
            if (m_wait.IsRunning())
            {
                m_wait.Cancel();
                ++replies;
                roundTrips += Simulator::Now() - m_asked;
                Rest();
            }
        }
    }

    void Rest()
    {
        if (Simulator::Now() + m_think < m_stop)
        {
            Simulator::Schedule(m_think, &Client::Ask, this);
        }
    }

    Time m_think;
    Time m_stop;
    Time m_timeout;
    Time m_asked;
    EventId m_wait;
    Address m_server;
    Ptr<Socket> m_socket;
};

} // namespace

int
main(int argc, char** argv)
{
    const double begun = WallSeconds();
    uint32_t nodes = 1000;
    double seconds = 100;
    double loss = 0.01;
    std::string routing = "global";
    bool count = false;
    CommandLine line(__FILE__);
    line.AddValue("nodes", "How many nodes beside the server", nodes);
    line.AddValue("seconds", "Simulated time", seconds);
    line.AddValue("loss", "Share of packets lost, each way", loss);
    line.AddValue("routing", "global, static or indexed", routing);
    line.AddValue("count", "Count packet-hops", count);
    line.Parse(argc, argv);

    auto hub = CreateObject<Node>();
    NodeContainer leaves(nodes);
    const auto way = InstallInternet(NodeContainer(NodeContainer(hub), leaves), routing);
    auto link = Link("250kbps", "10ms", "1000p");
    Ipv4Address target;
    for (uint32_t i = 0; i < nodes; ++i)
    {
        const auto ends = Join(link, leaves.Get(i), hub, i);
        for (const auto& device : {ends.first, ends.second})
        {
            auto errors = CreateObject<RateErrorModel>();
            errors->SetUnit(RateErrorModel::ERROR_UNIT_PACKET);
            errors->SetRate(loss);
            DynamicCast<PointToPointNetDevice>(device)->SetReceiveErrorModel(errors);
        }
        if (i == 0)
        {
            target = ends.secondAddress;
        }
        SetDefaultRoute(way, ends.first, ends.secondAddress);
        AddNeighbour(way, ends.second, ends.firstAddress);
    }
    FinishRouting(way);

    // The first requests are spread over the first 10 s, and none is begun in the last second.
    Server server(hub);
    std::vector<std::unique_ptr<Client>> clients;
    for (uint32_t i = 0; i < nodes; ++i)
    {
        clients.push_back(std::make_unique<Client>(leaves.Get(i), InetSocketAddress(target, kPort), NanoSeconds(10000000000LL / nodes * i), Seconds(10), Seconds(1), Seconds(seconds - 1)));
    }
    Simulator::Stop(Seconds(seconds));
    Run(begun, count);

    uint64_t requests = 0;
    uint64_t replies = 0;
    Time roundTrips;
    for (const auto& client : clients)
    {
        requests += client->requests;
        replies += client->replies;
        roundTrips += client->roundTrips;
    }
    Say("requests", double(requests));
    Say("delivered", double(server.requests));
    Say("replies", double(replies));
    Say("mean_round_trip_s", roundTrips.GetSeconds() / double(replies));
    return 0;
}
