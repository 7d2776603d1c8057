// What the programs of this folder share: the wall clock, counts of packet-hops, links without anything that costs time and is not asked for,
// and a routing table that is indexed by address, as someone would write who finds out where ns-3's own spend their time.
//
// Every program prints one `name value` a line. Timed runs connect no trace; `--count` connects one that counts packets whose last bit has left a
// device, which is what protosim calls a packet-hop.
#ifndef PEERS_COMMON_H
#define PEERS_COMMON_H

#include "ns3/core-module.h"
#include "ns3/internet-module.h"
#include "ns3/network-module.h"
#include "ns3/point-to-point-module.h"

#include <chrono>
#include <cstdio>
#include <sys/resource.h>
#include <unordered_map>
#include <unordered_set>

namespace peers
{

using namespace ns3;

inline double
WallSeconds()
{
    using namespace std::chrono;
    return duration<double>(steady_clock::now().time_since_epoch()).count();
}

inline void
Say(const char* name, double value)
{
    std::printf("%s %.17g\n", name, value);
}

// Packets whose last bit has left a device.
inline uint64_t g_packetHops = 0;

inline void
CountHop(Ptr<const Packet>)
{
    ++g_packetHops;
}

inline void
CountAllHops()
{
    for (auto node = NodeList::Begin(); node != NodeList::End(); ++node)
    {
        for (uint32_t i = 0; i < (*node)->GetNDevices(); ++i)
        {
            if (auto device = DynamicCast<PointToPointNetDevice>((*node)->GetDevice(i)))
            {
                device->TraceConnectWithoutContext("PhyTxEnd", MakeCallback(&CountHop));
            }
        }
    }
}

// Runs the simulation, of which nothing but this is timed, and says what it took. `start` is when the program began.
inline void
Run(double start, bool count)
{
    if (count)
    {
        CountAllHops();
    }
    const double before = WallSeconds();
    Simulator::Run();
    const double after = WallSeconds();
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    Say("setup_s", before - start);
    Say("loop_s", after - before);
    Say("simulated_s", Simulator::Now().GetSeconds());
    Say("events", double(Simulator::GetEventCount()));
    Say("peak_memory_mib", double(usage.ru_maxrss) / 1024);
    if (count)
    {
        Say("packet_hops", double(g_packetHops));
    }
}

// A link with drop-tail queues of its devices alone: without flow control towards the traffic-control layer no queue discipline is installed, and
// what finds no place is dropped and counted by the device's queue.
inline PointToPointHelper
Link(const std::string& rate, const std::string& delay, const std::string& queue)
{
    PointToPointHelper link;
    link.DisableFlowControl();
    link.SetDeviceAttribute("DataRate", StringValue(rate));
    link.SetChannelAttribute("Delay", StringValue(delay));
    link.SetQueue("ns3::DropTailQueue<Packet>", "MaxSize", StringValue(queue));
    return link;
}

// Routes by address through a hash table, and a default route. Routes are made once and shared by all packets.
class IndexedRouting : public Ipv4RoutingProtocol
{
  public:
    static TypeId GetTypeId()
    {
        static TypeId id = TypeId("peers::IndexedRouting")
                               .SetParent<Ipv4RoutingProtocol>()
                               .AddConstructor<IndexedRouting>();
        return id;
    }

    // `destination` is reached through the interface of this node on `device`; the other end of which is `next`.
    void AddRoute(Ipv4Address destination, Ptr<NetDevice> device, Ipv4Address next)
    {
        m_routes[destination.Get()] = MakeRoute(device, next);
    }

    void SetDefault(Ptr<NetDevice> device, Ipv4Address next)
    {
        m_default = MakeRoute(device, next);
    }

    Ptr<Ipv4Route> RouteOutput(Ptr<Packet>,
                               const Ipv4Header& header,
                               Ptr<NetDevice>,
                               Socket::SocketErrno& error) override
    {
        auto route = Find(header.GetDestination());
        error = route ? Socket::ERROR_NOTERROR : Socket::ERROR_NOROUTETOHOST;
        return route;
    }

    bool RouteInput(Ptr<const Packet> packet,
                    const Ipv4Header& header,
                    Ptr<const NetDevice> device,
                    UnicastForwardCallback forward,
                    MulticastForwardCallback,
                    LocalDeliverCallback deliver,
                    ErrorCallback fail) override
    {
        if (m_own.count(header.GetDestination().Get()))
        {
            deliver(packet, header, m_ipv4->GetInterfaceForDevice(device));
            return true;
        }
        auto route = Find(header.GetDestination());
        if (!route)
        {
            fail(packet, header, Socket::ERROR_NOROUTETOHOST);
            return false;
        }
        forward(route, packet, header);
        return true;
    }

    void NotifyInterfaceUp(uint32_t) override
    {
    }

    void NotifyInterfaceDown(uint32_t) override
    {
    }

    void NotifyAddAddress(uint32_t, Ipv4InterfaceAddress address) override
    {
        m_own.insert(address.GetLocal().Get());
    }

    void NotifyRemoveAddress(uint32_t, Ipv4InterfaceAddress address) override
    {
        m_own.erase(address.GetLocal().Get());
    }

    void SetIpv4(Ptr<Ipv4> ipv4) override
    {
        m_ipv4 = ipv4;
    }

    void PrintRoutingTable(Ptr<OutputStreamWrapper>, Time::Unit) const override
    {
    }

  protected:
    void DoDispose() override
    {
        m_ipv4 = nullptr;
        m_default = nullptr;
        m_routes.clear();
        Ipv4RoutingProtocol::DoDispose();
    }

  private:
    Ptr<Ipv4Route> Find(Ipv4Address destination) const
    {
        auto found = m_routes.find(destination.Get());
        return found == m_routes.end() ? m_default : found->second;
    }

    Ptr<Ipv4Route> MakeRoute(Ptr<NetDevice> device, Ipv4Address next) const
    {
        auto route = Create<Ipv4Route>();
        auto interface = m_ipv4->GetInterfaceForDevice(device);
        route->SetSource(m_ipv4->GetAddress(interface, 0).GetLocal());
        route->SetGateway(next);
        route->SetOutputDevice(device);
        return route;
    }

    Ptr<Ipv4> m_ipv4;
    Ptr<Ipv4Route> m_default;
    std::unordered_map<uint32_t, Ptr<Ipv4Route>> m_routes;
    std::unordered_set<uint32_t> m_own;
};

class IndexedRoutingHelper : public Ipv4RoutingHelper
{
  public:
    IndexedRoutingHelper* Copy() const override
    {
        return new IndexedRoutingHelper(*this);
    }

    Ptr<Ipv4RoutingProtocol> Create(Ptr<Node>) const override
    {
        return CreateObject<IndexedRouting>();
    }
};

// How packets find their way: by ns-3's shortest paths, by its static routes, which it looks through one after the other, or by the table above.
enum class Routing
{
    Global,
    Static,
    Indexed
};

// IPv4, UDP and TCP on all nodes, with the routing that an option names.
inline Routing
InstallInternet(const NodeContainer& nodes, const std::string& name)
{
    InternetStackHelper internet;
    internet.SetIpv6StackInstall(false);
    Routing routing = Routing::Global;
    if (name == "static")
    {
        routing = Routing::Static;
        internet.SetRoutingHelper(Ipv4StaticRoutingHelper());
    }
    else if (name == "indexed")
    {
        routing = Routing::Indexed;
        internet.SetRoutingHelper(IndexedRoutingHelper());
    }
    else
    {
        NS_ABORT_MSG_IF(name != "global", "--routing is global, static or indexed");
    }
    internet.Install(nodes);
    return routing;
}

inline IndexedRouting&
RoutesOf(Ptr<NetDevice> device)
{
    return *DynamicCast<IndexedRouting>(device->GetNode()->GetObject<Ipv4>()->GetRoutingProtocol());
}

// What the node of `device` knows no better goes through it to `next`. Shortest paths need no telling.
inline void
SetDefaultRoute(Routing routing, Ptr<NetDevice> device, Ipv4Address next)
{
    if (routing == Routing::Indexed)
    {
        RoutesOf(device).SetDefault(device, next);
    }
    else if (routing == Routing::Static)
    {
        auto ipv4 = device->GetNode()->GetObject<Ipv4>();
        Ipv4StaticRoutingHelper().GetStaticRouting(ipv4)->SetDefaultRoute(next, ipv4->GetInterfaceForDevice(device));
    }
}

// `neighbour` is at the other end of the link of `device`, which static routes and shortest paths know by its address.
inline void
AddNeighbour(Routing routing, Ptr<NetDevice> device, Ipv4Address neighbour)
{
    if (routing == Routing::Indexed)
    {
        RoutesOf(device).AddRoute(neighbour, device, neighbour);
    }
}

// All links are there.
inline void
FinishRouting(Routing routing)
{
    if (routing == Routing::Global)
    {
        Ipv4GlobalRoutingHelper::PopulateRoutingTables();
    }
}

// Both ends of a link get addresses of a network of their own, the `number`-th of 30 bits from 10.0.0.0 on.
struct Ends
{
    Ptr<NetDevice> first;
    Ptr<NetDevice> second;
    Ipv4Address firstAddress;
    Ipv4Address secondAddress;
};

inline Ends
Join(PointToPointHelper& link, Ptr<Node> first, Ptr<Node> second, uint32_t number)
{
    auto devices = link.Install(first, second);
    const Ipv4Mask mask("255.255.255.252");
    const Ipv4Address addresses[] = {Ipv4Address((10U << 24) + 4 * number + 1), Ipv4Address((10U << 24) + 4 * number + 2)};
    for (uint32_t i = 0; i < 2; ++i)
    {
        auto ipv4 = devices.Get(i)->GetNode()->GetObject<Ipv4>();
        auto interface = ipv4->AddInterface(devices.Get(i));
        ipv4->AddAddress(interface, Ipv4InterfaceAddress(addresses[i], mask));
        ipv4->SetMetric(interface, 1);
        ipv4->SetUp(interface);
    }
    return {devices.Get(0), devices.Get(1), addresses[0], addresses[1]};
}

// ns-3's CUBIC with the Reno-friendly region of RFC 9438 §4.3, which it lacks: in congestion avoidance the window is at least what Reno with the same average
// would have. Without it, windows of few segments grow much too slowly after a loss.
class FriendlyCubic : public TcpCubic
{
  public:
    static TypeId GetTypeId()
    {
        static TypeId id = TypeId("peers::FriendlyCubic").SetParent<TcpCubic>().AddConstructor<FriendlyCubic>();
        return id;
    }

    void IncreaseWindow(Ptr<TcpSocketState> state, uint32_t segmentsAcked) override
    {
        const bool avoids = state->m_cWnd >= state->m_ssThresh;
        TcpCubic::IncreaseWindow(state, segmentsAcked);
        if (!avoids)
        {
            return;
        }
        const double segments = double(state->m_cWnd) / state->m_segmentSize;
        if (m_estimate == 0)
        {
            m_estimate = m_prior = segments;
        }
        // RFC 9438 §4.3, figure 4, with β = 0.7; from the window before the reduction on, α is 1.
        const double alpha = m_estimate >= m_prior ? 1.0 : 3 * (1 - 0.7) / (1 + 0.7);
        m_estimate += alpha * segmentsAcked / segments;
        const auto estimate = uint32_t(m_estimate) * state->m_segmentSize;
        if (estimate > state->m_cWnd)
        {
            state->m_cWnd = estimate;
        }
    }

    uint32_t GetSsThresh(Ptr<const TcpSocketState> state, uint32_t inFlight) override
    {
        m_prior = double(state->m_cWnd) / state->m_segmentSize;
        const auto threshold = TcpCubic::GetSsThresh(state, inFlight);
        m_estimate = double(threshold) / state->m_segmentSize;
        return threshold;
    }

    Ptr<TcpCongestionOps> Fork() override
    {
        return CopyObject<FriendlyCubic>(this);
    }

  private:
    // W_est and cwnd_prior [segments].
    double m_estimate = 0;
    double m_prior = 0;
};

// TCP as the workloads say: segments of 1448 bytes beside 12 of timestamps, an initial window of 10, an acknowledgement for every second segment.
// `congestion` is the name of a class, as in "ns3::TcpLinuxReno". What they leave open is as Linux and protosim have it: time-outs of 200 ms at least, 1 s before there is a measurement, 40 ms for a delayed
// acknowledgement.
inline void
ConfigureTcp(uint32_t buffer, const std::string& congestion)
{
    FriendlyCubic::GetTypeId();
    Config::SetDefault("ns3::TcpL4Protocol::SocketType", TypeIdValue(TypeId::LookupByName(congestion)));
    Config::SetDefault("ns3::TcpSocket::SegmentSize", UintegerValue(1448));
    Config::SetDefault("ns3::TcpSocket::InitialCwnd", UintegerValue(10));
    Config::SetDefault("ns3::TcpSocket::DelAckCount", UintegerValue(2));
    Config::SetDefault("ns3::TcpSocket::DelAckTimeout", TimeValue(MilliSeconds(40)));
    Config::SetDefault("ns3::TcpSocket::ConnTimeout", TimeValue(Seconds(1)));
    Config::SetDefault("ns3::TcpSocket::SndBufSize", UintegerValue(buffer));
    Config::SetDefault("ns3::TcpSocket::RcvBufSize", UintegerValue(buffer));
    Config::SetDefault("ns3::TcpSocketBase::MinRto", TimeValue(MilliSeconds(200)));
    Config::SetDefault("ns3::TcpSocketBase::Timestamp", BooleanValue(true));
    Config::SetDefault("ns3::TcpSocketBase::WindowScaling", BooleanValue(true));
    Config::SetDefault("ns3::TcpSocketBase::Sack", BooleanValue(true));
}

// Writes to a TCP socket whatever it takes, `limit` bytes in all, and then closes. Each write is a segment, which spares ns-3 splitting packets.
class TcpBulk
{
  public:
    TcpBulk(Ptr<Node> node, Address to, Time start, uint64_t limit)
        : m_limit(limit),
          m_to(to),
          m_socket(Socket::CreateSocket(node, TcpSocketFactory::GetTypeId()))
    {
        Simulator::ScheduleWithContext(node->GetId(), start, &TcpBulk::Open, this);
    }

    // When the connection was opened, and when the other end's FIN came; zero until then.
    Time opened;
    Time ended;

  private:
    static constexpr uint32_t kWrite = 1448;

    void Open()
    {
        opened = Simulator::Now();
        m_socket->Bind();
        m_socket->SetConnectCallback(MakeCallback(&TcpBulk::Connected, this), MakeNullCallback<void, Ptr<Socket>>());
        m_socket->SetSendCallback(MakeCallback(&TcpBulk::Writable, this));
        m_socket->SetCloseCallbacks(MakeCallback(&TcpBulk::Ended, this), MakeCallback(&TcpBulk::Ended, this));
        m_socket->Connect(m_to);
        m_socket->ShutdownRecv();
    }

    void Connected(Ptr<Socket>)
    {
        m_isConnected = true;
        Write();
    }

    void Writable(Ptr<Socket>, uint32_t)
    {
        if (m_isConnected)
        {
            Write();
        }
    }

    void Ended(Ptr<Socket>)
    {
        ended = Simulator::Now();
    }

    void Write()
    {
        while (m_written < m_limit)
        {
            const auto len = uint32_t(std::min<uint64_t>(kWrite, m_limit - m_written));
            if (m_socket->GetTxAvailable() < len)
            {
                return;
            }
            const int taken = m_socket->Send(Create<Packet>(len));
            if (taken <= 0)
            {
                return;
            }
            m_written += uint64_t(taken);
        }
        if (!m_isClosed)
        {
            m_isClosed = true;
            m_socket->Close();
        }
    }

    uint64_t m_limit;
    uint64_t m_written = 0;
    bool m_isConnected = false;
    bool m_isClosed = false;
    Address m_to;
    Ptr<Socket> m_socket;
};

// Takes what comes on a TCP port, and ends a connection when its other end has.
class TcpDrain
{
  public:
    TcpDrain(Ptr<Node> node, uint16_t port)
        : m_socket(Socket::CreateSocket(node, TcpSocketFactory::GetTypeId()))
    {
        m_socket->Bind(InetSocketAddress(Ipv4Address::GetAny(), port));
        m_socket->Listen();
        m_socket->SetAcceptCallback(MakeNullCallback<bool, Ptr<Socket>, const Address&>(), MakeCallback(&TcpDrain::Accepted, this));
    }

    uint64_t bytes = 0;
    // When the last of them came.
    Time last;

  private:
    void Accepted(Ptr<Socket> socket, const Address&)
    {
        socket->SetRecvCallback(MakeCallback(&TcpDrain::Readable, this));
        socket->SetCloseCallbacks(MakeCallback(&TcpDrain::PeerEnded, this), MakeNullCallback<void, Ptr<Socket>>());
    }

    void Readable(Ptr<Socket> socket)
    {
        while (auto packet = socket->Recv())
        {
            if (packet->GetSize() == 0)
            {
                break;
            }
            bytes += packet->GetSize();
            last = Simulator::Now();
        }
    }

    void PeerEnded(Ptr<Socket> socket)
    {
        socket->Close();
    }

    Ptr<Socket> m_socket;
};

} // namespace peers

#endif
